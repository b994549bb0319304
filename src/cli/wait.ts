import type { Command } from 'commander';
import { ConvertError, exitCodes } from '../error.ts';
import { exitByteOf } from './exit-byte.ts';
import { printable } from './format.ts';
import { addRootOptions, withMachine } from './machine-session.ts';
import { parseSeconds } from './units.ts';

interface WaitCommandOptions {
  readonly timeout?: string;
}

export function defineWait(command: Command): void {
  command
    .description('Waits until a machine is stopped, and says how it ended.')
    .argument('<id>', 'the name of the machine')
    .option('--timeout <seconds>', 'wait no longer')
    .addHelpText('after', help);
  addRootOptions(command).action(waitCommand);
}

const help = `
Exit code: that of the program in the guest where the kernel tells it
(create --verbose), else 0 when the guest powered off; 12 when it ended
otherwise, or not in time.

Example:
  osv-convert start job && osv-convert wait job && osv-convert delete job`;

async function waitCommand(
  name: string,
  { timeout }: WaitCommandOptions,
  command: Command,
): Promise<void> {
  const { endText } = await import('../machines/state.ts');
  const { waitForMachine } = await import('../machines/wait.ts');
  const patience = timeout === undefined ? undefined : parseSeconds('--timeout', timeout);
  await withMachine(command, name, async ({ root, id, signal, print }) => {
    const end = await waitForMachine(root, id, {
      signal,
      ...(patience !== undefined && { patience }),
    });
    if (end === undefined) {
      throw new ConvertError(
        'MACHINE_TIMED_OUT',
        `waiting for machine ${id}: found it at work after ${timeout} s, wanted its end before`,
        { hint: `osv-convert stop ${id}` },
      );
    }
    await print({ id, end }, `${id} ${printable(endText(end))}\n`);
    process.exitCode =
      end.how === 'powered-off' ? exitByteOf(end.exitCode ?? 0) : exitCodes.machine;
  });
}
