import type { Command } from 'commander';
import { addGlobalOptions } from '../globals.ts';
import { diskArgument, editedText } from './edited.ts';

interface ReplaceOptions {
  readonly kernel?: string;
  readonly force?: boolean;
}

export function addDiskReplaceKernel(disk: Command): void {
  const command = disk
    .command('replace-kernel')
    .summary('put another kernel on a disk')
    .description(
      'Puts a kernel of the store in the place of the one on a disk; command line and files stay. The ' +
        'partition moves only where the new kernel needs more room.',
    )
    .argument(...diskArgument)
    .option('--kernel <name>', 'kernel to use (default: the default of kernel ls)')
    .option('--force', 'one that the app cannot run on, too')
    .addHelpText('after', examples);
  addGlobalOptions(command).action(replaceCommand);
}

const examples = `
Example:
  osv-convert disk replace-kernel web.qcow2 --kernel v0.57.0`;

async function replaceCommand(
  path: string,
  { kernel, force = false }: ReplaceOptions,
  command: Command,
): Promise<void> {
  const { withSession } = await import('../session.ts');
  const { replaceKernel } = await import('../../edit-disk.ts');
  await withSession(command, async ({ store, onEvent, signal, print }) => {
    const named = kernel === undefined ? {} : { kernel };
    const edited = await replaceKernel(store, path, { ...named, force, onEvent, signal });
    await print(edited, editedText(edited));
  });
}
