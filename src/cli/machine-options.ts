import type { Command } from 'commander';
import { ConvertError } from '../error.ts';
import type { ReadyWish } from '../run/ready.ts';
import { parseSeconds } from './units.ts';

/** How a machine is watched that is run. */
export interface MachineOptions {
  readonly timeout?: string;
  readonly waitPort?: string;
  readonly waitLine?: string;
  readonly waitTimeout: string;
  readonly dryRun?: true;
}

export function addMachineOptions(command: Command): Command {
  return command
    .option('--timeout <seconds>', 'end the machine after this time')
    .option('--wait-port <port>', 'say when this TCP port of the guest takes connections')
    .option('--wait-line <text>', 'say when this text is on the console')
    .option('--wait-timeout <seconds>', 'how long to wait for these', '300')
    .option('--dry-run', 'print what would be started, and start nothing')
    .addHelpText('after', help);
}

const help = `
Exit code: that of the program in the guest where the kernel tells it
(--verbose), else 0 when the guest powers off; 12 when it aborts, takes too long
or its hypervisor fails; 130 with Ctrl-C.`;

export interface MachineWishes {
  /** Milliseconds. */
  readonly timeout?: number;
  readonly ready?: ReadyWish;
}

/** @throws ConvertError `USAGE`. */
export function machineWishesOf(options: MachineOptions): MachineWishes {
  const { timeout, waitPort, waitLine, waitTimeout } = options;
  const port = waitPort === undefined ? undefined : parsePort(waitPort);
  if (waitLine === '') throw refused('--wait-line', waitLine, 'a text');
  return {
    ...(timeout !== undefined && { timeout: parseSeconds('--timeout', timeout, 0.001) }),
    ...((port !== undefined || waitLine !== undefined) && {
      ready: {
        ...(port !== undefined && { port }),
        ...(waitLine !== undefined && { line: waitLine }),
        timeout: parseSeconds('--wait-timeout', waitTimeout, 0.001),
      },
    }),
  };
}

function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw refused('--wait-port', text, 'a port, 1 to 65535');
  return port;
}

function refused(option: string, text: string, wanted: string): ConvertError {
  const found = JSON.stringify(text.slice(0, 160));
  return new ConvertError('USAGE', `reading ${option}: found ${found}, wanted ${wanted}`);
}
