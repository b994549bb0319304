import type { Command } from 'commander';
import type { RofsRecord } from '../../rofs/dump.ts';
import { printable } from '../format.ts';
import { addGlobalOptions } from '../globals.ts';
import { inPieces, jsonList } from '../pieces.ts';
import { fileArgument, hexOf, withRofs, writeParts } from './examining.ts';

export function addRofsDump(rofs: Command): void {
  const command = rofs
    .command('dump')
    .summary('print the superblock and every record')
    .description(
      'Prints the superblock and every directory entry, symlink and inode as they stand, each with its ' +
        'offset from the start of the file system. Two images that differ in more than their data differ here.',
    )
    .argument(...fileArgument)
    .addHelpText('after', examples);
  addGlobalOptions(command).action(dumpCommand);
}

const examples = `
Example:
  diff <(osv-convert rofs dump old.raw) <(osv-convert rofs dump new.raw)`;

async function dumpCommand(file: string, _options: unknown, command: Command): Promise<void> {
  const { dumpRofs } = await import('../../rofs/dump.ts');
  await withRofs(command, file, async (access, session) => {
    const records = dumpRofs(access);
    const texts = session.globals.json
      ? jsonList({ name: file }, 'records', records)
      : linesOf(records);
    await writeParts(session, inPieces(texts));
  });
}

function* linesOf(records: Iterable<RofsRecord>): Generator<string, void, undefined> {
  for (const one of records) yield `${hexOf(one.offset).padStart(10)} ${printable(textOf(one))}\n`;
}

function textOf(one: RofsRecord): string {
  switch (one.record) {
    case 'entry':
      return `entry ${one.index}: inode ${one.inode} ${JSON.stringify(one.name)}`;
    case 'symlink':
      return `symlink ${one.index}: ${JSON.stringify(one.target)}`;
    case 'inode':
      return `inode ${one.inode}: ${one.kind} mode ${numberText(one.mode)} number ${one.number} start ${one.start} count ${one.count}`;
    case 'superblock':
      return [
        `superblock: magic ${numberText(one.magic)} version ${one.version} block-size ${one.blockSize}`,
        `info-first-block ${one.infoFirstBlock} info-blocks ${one.infoBlocks}`,
        `entries ${one.entryCount} symlinks ${one.symlinkCount} inodes ${one.inodeCount}`,
      ].join(' ');
  }
}

function numberText(value: number | string): string {
  return typeof value === 'number' ? hexOf(value) : value;
}
