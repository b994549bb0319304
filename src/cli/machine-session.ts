import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { ConvertError } from '../error.ts';
import type { MachineId } from '../machines/machine-id.ts';
import type { MachineState } from '../machines/state.ts';
import { parseFolder } from './folder-option.ts';
import { jsonText } from './format.ts';
import { addGlobalOptions, globalOptionsOf } from './globals.ts';
import { createProgress } from './progress.ts';
import { writeStdout } from './stdout.ts';

/** What the commands about machines work with; they open no store. */
export interface MachineSession {
  /** The folder of all machines. */
  readonly root: string;
  /** Aborted by Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
  warn(text: string): void;
  /** Prints the result on stdout: as JSON with `--json`, else as text. */
  print(value: unknown, text: string): Promise<void>;
}

export interface RootOptions {
  readonly root?: string;
}

export function addRootOptions(command: Command): Command {
  const help = 'folder of the machines (default: $XDG_STATE_HOME/osv-convert/machines)';
  return addGlobalOptions(command.option('--root <dir>', help, parseFolder));
}

/** `--root`, else below `$XDG_STATE_HOME` (XDG Base Directory Specification). */
export function machineRoot({ root }: RootOptions, env: NodeJS.ProcessEnv): string {
  if (root !== undefined) return resolve(root);
  const state = env['XDG_STATE_HOME'];
  const folder = state?.startsWith('/') ? state : join(homedir(), '.local/state');
  return join(folder, 'osv-convert/machines');
}

export async function withMachines(
  command: Command,
  work: (session: MachineSession) => Promise<void>,
): Promise<void> {
  const globals = globalOptionsOf(command, process.env);
  const interrupt = new AbortController();
  const onSignal = (): void =>
    interrupt.abort(new ConvertError('INTERRUPTED', 'interrupted: the machine is as it was'));
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  const progress = createProgress(globals, process.stderr, process.env);
  try {
    await work({
      root: machineRoot(command.opts<RootOptions>(), process.env),
      signal: interrupt.signal,
      warn: (text) => progress.onEvent({ event: 'warning', text }),
      print: async (value, text) => {
        progress.clear();
        await writeStdout(globals.json ? `${jsonText(value, 2)}\n` : text);
      },
    });
  } catch (error) {
    throw interrupt.signal.aborted ? interrupt.signal.reason : error;
  } finally {
    progress.clear();
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}

/** The same for a command about the machine `name`. @throws ConvertError `USAGE` for what is no such name. */
export async function withMachine(
  command: Command,
  name: string,
  work: (session: MachineSession & { readonly id: MachineId }) => Promise<void>,
): Promise<void> {
  const { parseMachineId } = await import('../machines/machine-id.ts');
  await withMachines(command, async (session) => {
    await work({ ...session, id: parseMachineId(name) });
  });
}

/** `web created`, and its ports. */
export function stateLine({ id, status, annotations }: MachineState): string {
  const ports = annotations['osv-convert.ports'];
  return `${id} ${status}${ports === undefined ? '' : `: ${ports}`}\n`;
}
