import type { Command } from 'commander';
import { addRootOptions, withMachine } from './machine-session.ts';

interface DeleteCommandOptions {
  readonly force?: boolean;
}

export function defineDelete(command: Command): void {
  command
    .description(
      'Removes a machine that is stopped, with its console and the disk that "create" made for it. A disk ' +
        'that it was given stays.',
    )
    .argument('<id>', 'the name of the machine')
    .option('--force', 'kill it first')
    .addHelpText('after', '\nExample:\n  osv-convert delete --force web');
  addRootOptions(command).action(deleteCommand);
}

async function deleteCommand(
  name: string,
  { force = false }: DeleteCommandOptions,
  command: Command,
): Promise<void> {
  const { deleteMachine } = await import('../machines/delete.ts');
  await withMachine(command, name, async ({ root, id, warn, print }) => {
    await deleteMachine(root, id, { force, onWarning: warn });
    await print({ deleted: id }, `${id} deleted\n`);
  });
}
