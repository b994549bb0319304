import type { Command } from 'commander';
import { jsonText } from './format.ts';
import { addRootOptions, withMachine } from './machine-session.ts';

export function defineState(command: Command): void {
  command
    .description(
      'Prints the state of a machine as the OCI runtime spec has it, in JSON with or without --json.',
    )
    .argument('<id>', 'the name of the machine')
    .addHelpText('after', '\nExample:\n  osv-convert state web');
  addRootOptions(command).action(stateCommand);
}

async function stateCommand(name: string, _options: unknown, command: Command): Promise<void> {
  const { machineState } = await import('../machines/find-machine.ts');
  await withMachine(command, name, async ({ root, id, print }) => {
    const state = await machineState(root, id);
    await print(state, `${jsonText(state, 2)}\n`);
  });
}
