import type { Command } from 'commander';
import { addGlobalOptions } from '../globals.ts';
import { fileArgument, withRofs, writeParts } from './examining.ts';

export function addRofsCat(rofs: Command): void {
  const command = rofs
    .command('cat')
    .summary('print a file')
    .description(
      'Prints the bytes of a file, and needs nothing of the file system but the names that lead to it. ' +
        'Links are not followed. --json changes nothing but how a failure is told.',
    )
    .argument(...fileArgument)
    .argument('<path>', 'a regular file')
    .addHelpText('after', examples);
  addGlobalOptions(command).action(catCommand);
}

const examples = `
Example:
  osv-convert rofs cat web.raw /etc/fstab`;

async function catCommand(
  file: string,
  path: string,
  _options: unknown,
  command: Command,
): Promise<void> {
  const { openNodes } = await import('../../rofs/nodes.ts');
  const { requireNode, wrongNode } = await import('./wanted-node.ts');
  await withRofs(command, file, async (access, session) => {
    const nodes = openNodes(access);
    const node = requireNode(nodes, file, path);
    if (node.kind !== 'file') {
      const found = `inode ${node.inode}, a ${node.kind}`;
      throw wrongNode(path, found, 'a file', file, path);
    }
    await writeParts(session, nodes.read(node));
  });
}
