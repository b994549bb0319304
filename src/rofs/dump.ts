import { decodeName } from '../../store/index.ts';
import type { SyncAccess } from '../tree/access.ts';
import {
  entryAt,
  entryInodeAt,
  type RofsNumber,
  rawInodeAt,
  type SuperblockField,
  superblockFields,
  superblockSize,
  symlinkAt,
} from './format.ts';
import { type RofsRecords, readHead, readRecords } from './records.ts';

/** A number as it stands; past 2^53 as hexadecimal text, so that it can be written as JSON. */
export type ShownNumber = number | `0x${string}`;

interface Placed {
  /** In bytes from the start of the file system. */
  readonly offset: number;
}

/** A record of a ROFS as it stands, whether it can be so or not. */
export type RofsRecord = Placed &
  (
    | ({ readonly record: 'superblock' } & Readonly<Record<SuperblockField['name'], ShownNumber>>)
    | {
        readonly record: 'entry';
        /** From 0, as directories count them. */
        readonly index: number;
        readonly inode: ShownNumber;
        readonly name: string;
      }
    | { readonly record: 'symlink'; readonly index: number; readonly target: string }
    | {
        readonly record: 'inode';
        /** What its place says it is; `number` is what it says itself. */
        readonly inode: number;
        readonly kind: 'file' | 'directory' | 'symlink' | 'unknown';
        readonly mode: ShownNumber;
        readonly number: ShownNumber;
        readonly start: ShownNumber;
        readonly count: ShownNumber;
      }
  );

/**
 * Every record in the order of the image. Of a table that is cut off what is whole is given, and nothing
 * behind it; without a superblock of ROFS only that.
 */
export function* dumpRofs(access: SyncAccess): Generator<RofsRecord, void, undefined> {
  const head = readHead(access);
  if (head.length < superblockSize) return;
  const fields = superblockFields(head).map(({ name, value }) => [name, shown(value)]);
  yield { record: 'superblock', offset: 0, ...Object.fromEntries(fields) };
  const records = readRecords(access);
  if (records) yield* recordsOf(records);
}

function* recordsOf(records: RofsRecords): Generator<RofsRecord, void, undefined> {
  const { info, infoOffset, entries, symlinks, inodes } = records;
  for (const [index, at] of entries.entries()) {
    const name = decodeName(entryAt(info, at)?.name ?? Buffer.alloc(0));
    const inode = shown(entryInodeAt(info, at));
    yield { record: 'entry', offset: infoOffset + at, index, inode, name };
  }
  for (const [index, at] of symlinks.entries()) {
    const target = decodeName(symlinkAt(info, at) ?? Buffer.alloc(0));
    yield { record: 'symlink', offset: infoOffset + at, index, target };
  }
  for (const [index, at] of inodes.entries()) {
    const { mode, kind = 'unknown', number, start, count } = rawInodeAt(info, at);
    yield {
      record: 'inode',
      offset: infoOffset + at,
      inode: index + 1,
      kind,
      mode: shown(mode),
      number: shown(number),
      start: shown(start),
      count: shown(count),
    };
  }
}

function shown(value: RofsNumber): ShownNumber {
  return typeof value === 'number' ? value : `0x${value.toString(16)}`;
}
