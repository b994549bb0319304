import { type ChildProcess, spawn } from 'node:child_process';
import { Duplex, type Readable } from 'node:stream';
import { ConvertError } from '../error.ts';
import { handOver, handOverDescriptor } from './hand-over.ts';
import type { Machine } from './machine.ts';
import { qemuArguments } from './qemu-arguments.ts';

const program = 'qemu-system-x86_64';

const defaultGrace = 5000;

/** QEMU's own talk that is kept for an error. */
const talkCap = 64 * 1024;

export interface RunOptions {
  /** What the guest writes on its console; the guest waits while a returned promise is pending. */
  readonly onOutput: (bytes: Uint8Array) => void | Promise<void>;
  /** Ends the machine. */
  readonly signal?: AbortSignal;
  /** Milliseconds between asking QEMU to end and ending it; 5000 when absent. */
  readonly grace?: number;
  /** In whose PATH QEMU is looked for. */
  readonly env?: NodeJS.ProcessEnv;
}

export interface MachineEnd {
  /** `stopped`: by the signal. What the program in the guest returned is not known to a host of OSv. */
  readonly ended: 'powered-off' | 'stopped';
  /** Of QEMU; null when it was killed. */
  readonly exitCode: number | null;
}

/**
 * Runs a machine until its guest powers off or `signal` aborts. No process outlives the call, nor this
 * process where it ends by itself.
 * @throws ConvertError `QEMU_NOT_FOUND`, `QEMU_FAILED`; what `onOutput` throws.
 */
export async function runMachine(machine: Machine, options: RunOptions): Promise<MachineEnd> {
  const { onOutput, signal, grace = defaultGrace, env = process.env } = options;
  signal?.throwIfAborted();
  const { boot } = machine;
  const qemu = spawn(program, qemuArguments(machine), {
    stdio: ['ignore', 'pipe', 'pipe', boot.kind === 'direct' ? 'pipe' : 'ignore'],
    env,
  });
  const ended = endOf(qemu);
  const kill = (): boolean => qemu.kill('SIGKILL');
  let patience: NodeJS.Timeout | undefined;
  const stop = (): void => {
    qemu.kill('SIGTERM');
    patience = setTimeout(kill, grace);
  };
  process.once('exit', kill);
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const [exitCode, talk] = await Promise.all([
      ended,
      talkOf(qemu.stderr),
      forward(qemu.stdout, onOutput),
      boot.kind === 'direct' ? handOver(channelOf(qemu), boot.commandLine) : undefined,
    ]);
    if (signal?.aborted) return { ended: 'stopped', exitCode };
    if (exitCode !== 0) throw failed(exitCode, talk);
    return { ended: 'powered-off', exitCode };
  } catch (error) {
    kill();
    await ended.catch(() => undefined);
    throw error;
  } finally {
    clearTimeout(patience);
    signal?.removeEventListener('abort', stop);
    process.off('exit', kill);
  }
}

/** A pipe of node is a socket that is open both ways. */
function channelOf(qemu: ChildProcess): Duplex {
  const channel = qemu.stdio[handOverDescriptor];
  if (channel instanceof Duplex) return channel;
  throw new Error(`descriptor ${handOverDescriptor} of QEMU is no socket`);
}

function endOf(qemu: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    qemu.once('error', (cause) => reject(notStarted(cause)));
    qemu.once('close', resolve);
  });
}

async function forward(output: Readable | null, onOutput: RunOptions['onOutput']): Promise<void> {
  for await (const bytes of output ?? []) await onOutput(bytes);
}

async function talkOf(stream: Readable | null): Promise<string> {
  let talk = Buffer.alloc(0);
  for await (const bytes of stream ?? []) talk = Buffer.concat([talk, bytes]).subarray(-talkCap);
  return talk.toString('utf8').trim();
}

function notStarted(cause: Error): ConvertError {
  const isMissing = 'code' in cause && cause.code === 'ENOENT';
  return isMissing
    ? new ConvertError('QEMU_NOT_FOUND', `starting the machine: found no ${program} on PATH`, {
        hint: 'sudo apt-get install qemu-system-x86',
        cause,
      })
    : new ConvertError('QEMU_FAILED', `starting ${program}: found ${cause.message}`, { cause });
}

function failed(exitCode: number | null, talk: string): ConvertError {
  const how = exitCode === null ? 'killed' : `exit code ${exitCode}`;
  const said = talk === '' ? '' : `: ${talk}`;
  return new ConvertError('QEMU_FAILED', `running ${program}: found ${how}, wanted 0${said}`);
}
