import type { Command } from 'commander';
import { addRootOptions, withMachine } from './machine-session.ts';

export function defineKill(command: Command): void {
  command
    .description(
      'Sends a signal to the hypervisor of a machine that is created or running. TERM ends it in good order, KILL ' +
        'at once; the guest notices neither, for OSv has no signals of its host.',
    )
    .argument('<id>', 'the name of the machine')
    .argument('[signal]', 'name or number', 'TERM')
    .addHelpText('after', '\nExamples:\n  osv-convert kill web\n  osv-convert kill web KILL');
  addRootOptions(command).action(killCommand);
}

async function killCommand(
  name: string,
  text: string,
  _options: unknown,
  command: Command,
): Promise<void> {
  const { killMachine, parseSignal } = await import('../machines/kill.ts');
  await withMachine(command, name, async ({ root, id, print }) => {
    const signal = parseSignal(text, id);
    await killMachine(root, id, signal);
    await print({ id, signal }, `${id} ${signal}\n`);
  });
}
