import { decodeName, encodeName } from '../../store/index.ts';
import type { SyncAccess } from '../tree/access.ts';
import { blockSize, entryAt, entryInodeAt, rawInodeAt, symlinkAt } from './format.ts';
import { invalidRofs } from './invalid.ts';
import { type RofsRecords, readRecords } from './records.ts';

/** An inode as the kernel finds it. Numbers that cannot be are NaN. */
export interface RofsNode {
  readonly inode: number;
  readonly kind: 'file' | 'directory' | 'symlink' | 'unknown';
  /** First block of a file, first entry of a directory, number of a target. */
  readonly start: number;
  /** Bytes of a file, entries of a directory. */
  readonly count: number;
  /** Of the record, in bytes from the start of the file system. */
  readonly offset: number;
  readonly target?: string;
}

export interface NamedRofsNode {
  readonly name: string;
  readonly inode: number;
  /** Undefined where there is no such inode. */
  readonly node: RofsNode | undefined;
}

export interface RofsNodes {
  readonly records: RofsRecords;
  at(inode: number): RofsNode | undefined;
  /** What a path leads to, name by name, of equal ones the first, as in the kernel; links are not followed. */
  find(path: string): RofsNode | undefined;
  /** What a directory holds, in the order of the image; nothing for all else. */
  entriesOf(node: RofsNode): Generator<NamedRofsNode, void, undefined>;
  /**
   * The bytes of a file, in slices.
   * @throws ConvertError `ROFS_INVALID` where they are not all there.
   */
  read(node: RofsNode): Generator<Uint8Array, void, undefined>;
}

/** In bytes. */
const sliceSize = 2 ** 20;

/**
 * The inodes of a ROFS, which may be damaged: what is sound can be found and read.
 * @throws ConvertError `ROFS_INVALID` where it has no tables that are whole.
 */
export function openNodes(access: SyncAccess): RofsNodes {
  const records = wholeRecords(access);
  const { info, infoOffset, entries, symlinks, inodes } = records;

  function at(inode: number): RofsNode | undefined {
    const record = inodes[inode - 1];
    if (record === undefined) return undefined;
    const { kind = 'unknown', start, count } = rawInodeAt(info, record);
    const link = kind === 'symlink' ? symlinks[Number(start)] : undefined;
    const target = link === undefined ? undefined : symlinkAt(info, link);
    return {
      inode,
      kind,
      start: safe(start),
      count: safe(count),
      offset: infoOffset + record,
      ...(target && { target: decodeName(target) }),
    };
  }

  function* rangeOf({ kind, start, count }: RofsNode): Generator<number, void, undefined> {
    if (kind !== 'directory') return;
    const end = Math.min(start + count, entries.length);
    for (let index = start; index < end; index += 1) yield entries[index] ?? 0;
  }

  function* entriesOf(node: RofsNode): Generator<NamedRofsNode, void, undefined> {
    for (const entry of rangeOf(node)) {
      const inode = safe(entryInodeAt(info, entry));
      const name = decodeName(entryAt(info, entry)?.name ?? Buffer.alloc(0));
      yield { name, inode, node: at(inode) };
    }
  }

  function childOf(node: RofsNode, name: Uint8Array): RofsNode | undefined {
    for (const entry of rangeOf(node)) {
      if (Buffer.compare(entryAt(info, entry)?.name ?? Buffer.alloc(0), name) !== 0) continue;
      return at(safe(entryInodeAt(info, entry)));
    }
    return undefined;
  }

  function find(path: string): RofsNode | undefined {
    let node = at(1);
    for (const name of path.split('/').filter((part) => part !== '')) {
      node = node && childOf(node, encodeName(name));
    }
    return node;
  }

  function* read({ inode, start, count }: RofsNode): Generator<Uint8Array, void, undefined> {
    if (count === 0) return;
    const offset = start * blockSize;
    if (!(start > 0 && offset + count <= access.size)) {
      const found = `the data of inode ${inode} at block ${start}, ${count} bytes`;
      throw invalidRofs(found, `all of them within ${access.size} bytes`);
    }
    for (let done = 0; done < count; done += sliceSize) {
      yield access.read(offset + done, Math.min(sliceSize, count - done));
    }
  }

  return { records, at, find, entriesOf, read };
}

/** @throws ConvertError `ROFS_INVALID`. */
function wholeRecords(access: SyncAccess): RofsRecords {
  const records = readRecords(access);
  if (records && !records.cut) return records;
  const found = records ? `a table of ${records.cut} records that is cut off` : 'no tables';
  throw invalidRofs(found, 'the superblock to lead to whole ones');
}

function safe(value: number | bigint): number {
  return typeof value === 'number' ? value : Number.NaN;
}
