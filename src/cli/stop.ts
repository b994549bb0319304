import type { Command } from 'commander';
import { printable } from './format.ts';
import { addRootOptions, withMachine } from './machine-session.ts';
import { parseSeconds } from './units.ts';

interface StopOptions {
  readonly time: string;
}

export function defineStop(command: Command): void {
  command
    .description(
      'Ends a machine with TERM, and with KILL when it is not gone in time; says how it ended. One that is ' +
        'stopped is left as it is.',
    )
    .argument('<id>', 'the name of the machine')
    .option('--time <seconds>', 'how long to wait before KILL', '10')
    .addHelpText('after', '\nExample:\n  osv-convert stop web && osv-convert delete web');
  addRootOptions(command).action(stopCommand);
}

async function stopCommand(name: string, { time }: StopOptions, command: Command): Promise<void> {
  const { stopMachine } = await import('../machines/kill.ts');
  const { endText } = await import('../machines/state.ts');
  await withMachine(command, name, async ({ root, id, print }) => {
    const end = await stopMachine(root, id, parseSeconds('--time', time));
    await print({ id, end }, `${id} ${printable(endText(end))}\n`);
  });
}
