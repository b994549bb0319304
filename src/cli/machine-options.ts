import { type Command, Option } from 'commander';
import { ConvertError } from '../error.ts';
import { type NetworkWish, parseNetwork } from '../run/parse-network.ts';
import type { ReadyWish } from '../run/ready.ts';
import type { VmmKind } from '../run/run-machine.ts';
import { collect } from './env.ts';

/** What a machine is joined to, how it is watched, and what runs it. */
export interface MachineOptions {
  readonly network?: readonly string[];
  readonly verbose?: true;
  readonly timeout?: string;
  readonly waitPort?: string;
  readonly waitLine?: string;
  readonly waitTimeout: string;
  readonly vmm: VmmKind;
  readonly dryRun?: true;
}

export function addMachineOptions(command: Command): Command {
  return command
    .option(
      '--network <network>',
      'none, user, tap:NAME or bridge:NAME, then maybe ,mac=MAC ,ip=ADDRESS/PREFIX ,gateway=ADDRESS ' +
        ',dns=ADDRESS, and ,restrict for user (repeatable: eth0, eth1; default: user)',
      collect,
    )
    .option('--verbose', 'the kernel tells what it does, and which exit code its program has')
    .option('--timeout <seconds>', 'end the machine after this time')
    .option('--wait-port <port>', 'say when this TCP port of the guest takes connections')
    .option('--wait-line <text>', 'say when this text is on the console')
    .option('--wait-timeout <seconds>', 'how long to wait for these', '300')
    .addOption(
      new Option('--vmm <which>', 'what runs the machine; firecracker needs KVM')
        .choices(['qemu', 'firecracker'])
        .default('qemu'),
    )
    .option('--dry-run', 'print what would be started, and start nothing')
    .addHelpText('after', help);
}

const help = `
Exit code: that of the program in the guest where the kernel tells it
(--verbose), else 0 when the guest powers off; 12 when it aborts, takes too long
or its hypervisor fails; 130 with Ctrl-C.`;

export interface MachineWishes {
  readonly networks: readonly NetworkWish[];
  readonly verbose: boolean;
  readonly vmm: VmmKind;
  /** Milliseconds. */
  readonly timeout?: number;
  readonly ready?: ReadyWish;
}

/** @throws ConvertError `USAGE`. */
export function machineWishesOf(options: MachineOptions): MachineWishes {
  const { network = [], verbose = false, timeout, waitPort, waitLine, waitTimeout, vmm } = options;
  const port = waitPort === undefined ? undefined : parsePort(waitPort);
  if (waitLine === '') throw refused('--wait-line', waitLine, 'a text');
  return {
    networks: network.map(parseNetwork),
    verbose,
    vmm,
    ...(timeout !== undefined && { timeout: parseSeconds('--timeout', timeout) }),
    ...((port !== undefined || waitLine !== undefined) && {
      ready: {
        ...(port !== undefined && { port }),
        ...(waitLine !== undefined && { line: waitLine }),
        timeout: parseSeconds('--wait-timeout', waitTimeout),
      },
    }),
  };
}

function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw refused('--wait-port', text, 'a port, 1 to 65535');
  return port;
}

/** Three weeks: timers of node know no more than 24 days. */
const mostSeconds = 21 * 24 * 3600;

function parseSeconds(option: string, text: string): number {
  const seconds = /^\d{1,7}(\.\d{1,3})?$/.test(text) ? Number(text) : 0;
  if (seconds <= 0 || seconds > mostSeconds) {
    throw refused(option, text, `seconds, at most ${mostSeconds}`);
  }
  return Math.ceil(seconds * 1000);
}

function refused(option: string, text: string, wanted: string): ConvertError {
  const found = JSON.stringify(text.slice(0, 160));
  return new ConvertError('USAGE', `reading ${option}: found ${found}, wanted ${wanted}`);
}
