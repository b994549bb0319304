import type { Command } from 'commander';
import type { RofsNode } from '../../rofs/nodes.ts';
import type { RofsTotals } from '../../rofs/totals.ts';
import { formatBytes, formatCount, printable } from '../format.ts';
import { addGlobalOptions } from '../globals.ts';
import { fileArgument, hexOf, withRofs } from './examining.ts';

export function addRofsStat(rofs: Command): void {
  const command = rofs
    .command('stat')
    .summary('tell what the file system holds and costs, or what an inode says')
    .description(
      'Tells the superblock and what it all comes to: files, names, data, what equal files save by sharing ' +
        'their blocks, and the memory that names and inodes take as long as OSv runs. With a path: its inode.',
    )
    .argument(...fileArgument)
    .argument('[path]', 'a file, folder or link; links are not followed')
    .addHelpText('after', examples);
  addGlobalOptions(command).action(statCommand);
}

const examples = `
Examples:
  osv-convert rofs stat web.raw
  osv-convert rofs stat web.raw /app/web.dll`;

type Fact = readonly [name: string, value: string];

async function statCommand(
  file: string,
  path: string | undefined,
  _options: unknown,
  command: Command,
): Promise<void> {
  const { openNodes } = await import('../../rofs/nodes.ts');
  const { requireNode } = await import('./wanted-node.ts');
  const { rofsTotals } = await import('../../rofs/totals.ts');
  await withRofs(command, file, async (access, { print }) => {
    if (path === undefined) {
      const totals = rofsTotals(access);
      await print({ name: file, ...totals }, textOf(totalFacts(totals)));
      return;
    }
    const node = requireNode(openNodes(access), file, path);
    await print({ name: file, path, ...node }, textOf([['path', path], ...nodeFacts(node)]));
  });
}

function totalFacts(totals: RofsTotals): readonly Fact[] {
  const { superblock, size, files, directories, symlinks, names } = totals;
  const { infoFirstBlock, infoBlocks } = superblock;
  return [
    ['size', bytesText(size)],
    [
      'info',
      `blocks ${infoFirstBlock} to ${infoFirstBlock + infoBlocks - 1}, ${bytesText(totals.infoSize)}`,
    ],
    ['files', `${files}, ${bytesText(totals.contentSize)}`],
    ['folders', `${directories}`],
    ['links', `${symlinks}`],
    ['names', `${names}`],
    ['data', bytesText(totals.dataSize)],
    ['shared', `${bytesText(totals.sharedSize)} more, if no file shared its blocks`],
    ['memory', `${bytesText(totals.memory)} for names, targets and inodes`],
  ];
}

function nodeFacts({ inode, kind, start, count, offset, target }: RofsNode): readonly Fact[] {
  const data: Readonly<Record<RofsNode['kind'], Fact>> = {
    file: ['data', count > 0 ? `${formatCount(count, 'byte')} from block ${start} on` : 'none'],
    directory: ['entries', count > 0 ? `${start} to ${start + count - 1}` : 'none'],
    symlink: ['target', target ?? 'none'],
    unknown: ['data', 'of an unknown kind'],
  };
  return [['inode', `${inode} at ${hexOf(offset)}`], ['kind', kind], data[kind]];
}

function bytesText(bytes: number): string {
  return bytes < 1024 ? formatCount(bytes, 'byte') : `${bytes} bytes (${formatBytes(bytes)})`;
}

function textOf(facts: readonly Fact[]): string {
  return facts.map(([name, value]) => `${name.padEnd(8)} ${printable(value)}\n`).join('');
}
