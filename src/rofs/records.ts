import type { SyncAccess } from '../tree/access.ts';
import {
  blockSize,
  decodeSuperblock,
  entryAt,
  entryHeaderSize,
  inodeSize,
  type Superblock,
  superblockSize,
  symlinkAt,
  symlinkHeaderSize,
} from './format.ts';

/** Structure info as it stands: where each record begins, and nothing of what the records say. */
export interface RofsRecords {
  readonly superblock: Superblock;
  /** All of the structure info. Offsets below are in it. */
  readonly info: Buffer;
  /** Of the structure info, in bytes from the start of the file system. */
  readonly infoOffset: number;
  readonly entries: Uint32Array;
  readonly symlinks: Uint32Array;
  readonly inodes: Uint32Array;
  /** Behind the last record. */
  readonly end: number;
  /** The table that is cut off, where one is: of it and those behind it only what is whole is there. */
  readonly cut: 'entry' | 'symlink' | 'inode' | undefined;
}

/**
 * Structure info is read whole, as the kernel does. Four million files have less than this, and no more
 * records; a few kilobytes of a disk can claim any number, where all they claim is a run of zeros.
 */
export const maxInfoSize = 2 ** 29;
export const maxRecords = 8_000_000;

/** The bytes of a superblock that may be anything; fewer than a superblock has, where the file ends. */
export function readHead(access: SyncAccess): Buffer {
  return bytesOf(access, 0, superblockSize);
}

/** Whether the superblock says where structure info lies, and it is all there and of a size that is read here. */
function hasInfo(superblock: Superblock, access: SyncAccess): boolean {
  const { infoFirstBlock, infoBlocks } = superblock;
  return (
    infoFirstBlock > 0 &&
    infoBlocks > 0 &&
    (infoFirstBlock + infoBlocks) * blockSize <= access.size &&
    infoBlocks * blockSize <= maxInfoSize
  );
}

/** Whether the tables that the superblock counts can be in its structure info, and are as many as are read here. */
export function hasRoom({ infoBlocks, entryCount, symlinkCount, inodeCount }: Superblock): boolean {
  const least =
    entryCount * entryHeaderSize + symlinkCount * symlinkHeaderSize + inodeCount * inodeSize;
  return least <= infoBlocks * blockSize && entryCount + symlinkCount + inodeCount <= maxRecords;
}

/**
 * Finds the records of a ROFS that may be damaged in any way.
 * @returns undefined where its superblock leads to none.
 */
export function readRecords(access: SyncAccess): RofsRecords | undefined {
  const superblock = decodeSuperblock(readHead(access));
  if (!(superblock && hasInfo(superblock, access) && hasRoom(superblock))) return undefined;
  const infoOffset = superblock.infoFirstBlock * blockSize;
  const info = bytesOf(access, infoOffset, superblock.infoBlocks * blockSize);
  const entries = tableAt(info, 0, superblock.entryCount, (at) => {
    const entry = entryAt(info, at);
    return entry && at + entryHeaderSize + entry.name.length;
  });
  const symlinks = tableAt(info, entries.end, entries.cut ? 0 : superblock.symlinkCount, (at) => {
    const target = symlinkAt(info, at);
    return target && at + symlinkHeaderSize + target.length;
  });
  const before = entries.cut ? 'entry' : symlinks.cut ? 'symlink' : undefined;
  const inodes = tableAt(info, symlinks.end, before ? 0 : superblock.inodeCount, (at) => {
    return at + inodeSize <= info.length ? at + inodeSize : undefined;
  });
  return {
    superblock,
    info,
    infoOffset,
    entries: entries.offsets,
    symlinks: symlinks.offsets,
    inodes: inodes.offsets,
    end: inodes.end,
    cut: before ?? (inodes.cut ? 'inode' : undefined),
  };
}

interface Table {
  readonly offsets: Uint32Array;
  readonly end: number;
  readonly cut: boolean;
}

/** `next` gives where the record at an offset ends, undefined where it does not. */
function tableAt(
  info: Buffer,
  start: number,
  count: number,
  next: (at: number) => number | undefined,
): Table {
  const offsets = new Uint32Array(count);
  let at = start;
  for (let index = 0; index < count; index += 1) {
    const end = next(at);
    if (end === undefined) return { offsets: offsets.subarray(0, index), end: at, cut: true };
    offsets[index] = at;
    at = end;
  }
  return { offsets, end: Math.min(at, info.length), cut: false };
}

export function bytesOf(access: SyncAccess, offset: number, length: number): Buffer {
  const bytes = access.read(offset, length);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
