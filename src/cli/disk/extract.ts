import type { Command } from 'commander';
import { formatBytes, formatCount, printable } from '../format.ts';
import { addGlobalOptions } from '../globals.ts';
import { diskArgument } from './edited.ts';

interface ExtractOptions {
  readonly output: string;
}

export function addDiskExtract(disk: Command): void {
  const command = disk
    .command('extract')
    .summary('take files out of a disk')
    .description(
      'Writes files and folders of a disk, or of a ROFS alone, below a new or empty folder, each at its ' +
        'own place: /app/web.dll becomes FOLDER/app/web.dll. No link is followed out of it.',
    )
    .argument(...diskArgument)
    .argument('<path...>', 'what to take out; / for all')
    .requiredOption('-o, --output <folder>', 'a folder that is new or empty')
    .addHelpText('after', examples);
  addGlobalOptions(command).action(extractCommand);
}

const examples = `
Example:
  osv-convert disk extract web.qcow2 /app/appsettings.json /etc -o out`;

async function extractCommand(
  path: string,
  wanted: readonly string[],
  { output }: ExtractOptions,
  command: Command,
): Promise<void> {
  const { withSession } = await import('../session.ts');
  const { extract } = await import('../../extract.ts');
  await withSession(command, async ({ onEvent, signal, print }) => {
    const extracted = await extract(path, wanted, output, { onEvent, signal });
    const { files, bytes } = extracted;
    const text = `${output}: ${formatCount(files, 'file')}, ${formatBytes(bytes)}`;
    await print(extracted, `${printable(text)}\n`);
  });
}
