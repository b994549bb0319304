import type { Command } from 'commander';
import type { NamedRofsNode, RofsNode } from '../../rofs/nodes.ts';
import { printable } from '../format.ts';
import { addGlobalOptions } from '../globals.ts';
import { inPieces, jsonList } from '../pieces.ts';
import { fileArgument, withRofs, writeParts } from './examining.ts';

export function addRofsLs(rofs: Command): void {
  const command = rofs
    .command('ls')
    .summary('list a folder with inodes and blocks')
    .description(
      'Lists the names in a folder in the order of the image, each with its inode, its kind, the first ' +
        'block of its data and its size (of a folder: the number of its names). Links are not followed.',
    )
    .argument(...fileArgument)
    .argument('[path]', 'a folder, or what is listed itself', '/')
    .addHelpText('after', examples);
  addGlobalOptions(command).action(lsCommand);
}

const examples = `
Examples:
  osv-convert rofs ls web.raw /app
  osv-convert rofs ls web.raw /app --json |
    jq '.nodes[] | select(.size > 1000000)'`;

async function lsCommand(
  file: string,
  path: string,
  _options: unknown,
  command: Command,
): Promise<void> {
  const { openNodes } = await import('../../rofs/nodes.ts');
  const { requireNode } = await import('./wanted-node.ts');
  await withRofs(command, file, async (access, session) => {
    const nodes = openNodes(access);
    const node = requireNode(nodes, file, path);
    const { inode } = node;
    const listed =
      node.kind === 'directory' ? nodes.entriesOf(node) : [{ name: path, inode, node }];
    const texts = session.globals.json
      ? jsonList({ name: file, path }, 'nodes', summariesOf(listed))
      : linesOf(listed);
    await writeParts(session, inPieces(texts));
  });
}

function* linesOf(listed: Iterable<NamedRofsNode>): Generator<string, void, undefined> {
  for (const { name, inode, node } of listed) {
    const cells = [`${inode}`, letters[node?.kind ?? 'unknown'], blockText(node), sizeText(node)];
    const widths = [8, 1, 10, 11];
    const line = cells.map((cell, at) => cell.padStart(widths[at] ?? 0)).join(' ');
    const target = node?.target === undefined ? '' : ` -> ${printable(node.target)}`;
    yield `${line} ${printable(name)}${target}\n`;
  }
}

const letters = { file: '-', directory: 'd', symlink: 'l', unknown: '?' } as const;

function blockText(node: RofsNode | undefined): string {
  return node?.kind === 'file' && node.count > 0 ? `${node.start}` : '-';
}

function sizeText(node: RofsNode | undefined): string {
  return node === undefined || node.kind === 'symlink' ? '-' : `${node.count}`;
}

function* summariesOf(listed: Iterable<NamedRofsNode>): Generator<unknown, void, undefined> {
  for (const { name, inode, node } of listed) {
    yield { name, inode, ...(node && summaryOf(node)) };
  }
}

/** Numbers that cannot be are null. */
function summaryOf({ kind, start, count, target }: RofsNode): object {
  return {
    kind,
    ...(kind === 'file' && count > 0 && { block: start }),
    ...(kind !== 'symlink' && { size: count }),
    ...(target !== undefined && { target }),
  };
}
