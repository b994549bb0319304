/**
 * The ROFS on-disk format: the only file that knows an offset. All integers are little-endian.
 * OSv, fs/rofs/rofs.hh (structures) and fs/rofs/rofs_vfsops.cc, rofs_mount (how the kernel reads them).
 *
 *     block 0       superblock, zero-padded
 *     blocks 1..    data: each file that is not empty starts on a block, zero-padded
 *     the rest      structure info: directory entries, symlinks, inodes, back to back, zero-padded
 */

/** In bytes. The kernel knows no other size. */
export const blockSize = 512;

export interface Superblock {
  /** Where the structure info begins, in blocks from the start of the file system. */
  readonly infoFirstBlock: number;
  readonly infoBlocks: number;
  readonly entryCount: number;
  readonly symlinkCount: number;
  readonly inodeCount: number;
}

/** A name in a directory, at most 65 535 bytes. A directory's entries lie side by side; `.` and `..` are not stored. */
export interface RofsEntry {
  readonly inode: number;
  readonly name: Uint8Array;
}

/** Inode N is the N-th record, from 1; inode 1 is the root. Owner, permissions and times do not exist. */
export interface RofsInode {
  readonly kind: 'file' | 'directory' | 'symlink';
  readonly number: number;
  /** First block of a file's data, first entry of a directory, or number of a symlink, from 0. */
  readonly start: number;
  /** Bytes of a file, entries of a directory, 1 for a symlink. */
  readonly count: number;
}

/** Bytes of the encoded forms; entries and symlinks add those of their name. */
export const superblockSize = 64;
export const entryHeaderSize = 10;
export const symlinkHeaderSize = 2;
export const inodeSize = 32;

const magic = 0xdeadbead;
const version = 1;
const modes = { file: 0x8000, directory: 0x4000, symlink: 0xa000 } as const;

export function blocksOf(bytes: number): number {
  return Math.ceil(bytes / blockSize);
}

/** A whole block. */
export function encodeSuperblock(superblock: Superblock): Uint8Array {
  const block = Buffer.alloc(blockSize);
  putU64(block, 0, magic);
  putU64(block, 8, version);
  putU64(block, 16, blockSize);
  putU64(block, 24, superblock.infoFirstBlock);
  putU64(block, 32, superblock.infoBlocks);
  putU64(block, 40, superblock.entryCount);
  putU64(block, 48, superblock.symlinkCount);
  putU64(block, 56, superblock.inodeCount);
  return block;
}

/** Whether bytes begin as a ROFS does, of whatever version. */
export function isRofs(head: Uint8Array): boolean {
  const { buffer, byteOffset } = head;
  return head.length >= superblockSize && u64(Buffer.from(buffer, byteOffset, 8), 0) === magic;
}

/**
 * @returns undefined for bytes that do not begin a ROFS of version 1. Here and below, numbers past 2^53 are
 * NaN: whoever checks a bound must ask for what holds, not for what fails.
 */
export function decodeSuperblock(bytes: Buffer): Superblock | undefined {
  if (bytes.length < superblockSize) return undefined;
  if (u64(bytes, 0) !== magic || u64(bytes, 8) !== version || u64(bytes, 16) !== blockSize) {
    return undefined;
  }
  return {
    infoFirstBlock: u64(bytes, 24),
    infoBlocks: u64(bytes, 32),
    entryCount: u64(bytes, 40),
    symlinkCount: u64(bytes, 48),
    inodeCount: u64(bytes, 56),
  };
}

/** A number of 64 bits as it stands, past 2^53 as a bigint: for those who show what is wrong. */
export type RofsNumber = number | bigint;

/** A field of the superblock, whatever it says. */
export interface SuperblockField {
  readonly name: 'magic' | 'version' | 'blockSize' | keyof Superblock;
  /** In bytes from the start of the superblock. */
  readonly offset: number;
  readonly value: RofsNumber;
  /** What it is in a ROFS that OSv mounts, where only one value will do. */
  readonly wanted: number | undefined;
}

/** @param bytes at least `superblockSize` of them. */
export function superblockFields(bytes: Buffer): readonly SuperblockField[] {
  return fields.map(([name, wanted], at) => {
    return { name, offset: at * 8, value: numberAt(bytes, at * 8), wanted };
  });
}

const fields: readonly (readonly [SuperblockField['name'], number?])[] = [
  ['magic', magic],
  ['version', version],
  ['blockSize', blockSize],
  ['infoFirstBlock'],
  ['infoBlocks'],
  ['entryCount'],
  ['symlinkCount'],
  ['inodeCount'],
];

/** Writes the entry at `offset`; returns the offset after it. */
export function putEntry(target: Buffer, offset: number, { inode, name }: RofsEntry): number {
  putU64(target, offset, inode);
  target.writeUInt16LE(name.length, offset + 8);
  target.set(name, offset + entryHeaderSize);
  return offset + entryHeaderSize + name.length;
}

/** @returns undefined where the entry does not end inside `bytes`. */
export function entryAt(bytes: Buffer, offset: number): RofsEntry | undefined {
  if (offset + entryHeaderSize > bytes.length) return undefined;
  const name = slice(bytes, offset + entryHeaderSize, bytes.readUInt16LE(offset + 8));
  return name && { inode: u64(bytes, offset), name };
}

/** Writes the target at `offset`; returns the offset after it. */
export function putSymlink(target: Buffer, offset: number, link: Uint8Array): number {
  target.writeUInt16LE(link.length, offset);
  target.set(link, offset + symlinkHeaderSize);
  return offset + symlinkHeaderSize + link.length;
}

/** @returns the target, or undefined where it does not end inside `bytes`. */
export function symlinkAt(bytes: Buffer, offset: number): Buffer | undefined {
  if (offset + symlinkHeaderSize > bytes.length) return undefined;
  return slice(bytes, offset + symlinkHeaderSize, bytes.readUInt16LE(offset));
}

/** Writes the inode at `offset`; returns the offset after it. */
export function putInode(target: Buffer, offset: number, inode: RofsInode): number {
  putU64(target, offset, modes[inode.kind]);
  putU64(target, offset + 8, inode.number);
  putU64(target, offset + 16, inode.start);
  putU64(target, offset + 24, inode.count);
  return offset + inodeSize;
}

/** @returns undefined where it does not end inside `bytes`, or for a mode the kernel does not know. */
export function inodeAt(bytes: Buffer, offset: number): RofsInode | undefined {
  if (offset + inodeSize > bytes.length) return undefined;
  const kind = kindOf(bytes.readUInt32LE(offset));
  if (!kind) return undefined;
  const [number, start] = [u64(bytes, offset + 8), u64(bytes, offset + 16)];
  return { kind, number, start, count: u64(bytes, offset + 24) };
}

/** The fields of an inode that is whole, whatever they say. */
export interface RawInode {
  readonly mode: RofsNumber;
  /** Undefined for a mode the kernel does not know. */
  readonly kind: RofsInode['kind'] | undefined;
  readonly number: RofsNumber;
  readonly start: RofsNumber;
  readonly count: RofsNumber;
}

export function rawInodeAt(bytes: Buffer, offset: number): RawInode {
  return {
    mode: numberAt(bytes, offset),
    kind: kindOf(bytes.readUInt32LE(offset)),
    number: numberAt(bytes, offset + 8),
    start: numberAt(bytes, offset + 16),
    count: numberAt(bytes, offset + 24),
  };
}

/** The bits of a mode that say nothing to the kernel. */
export function hasOddMode({ mode, kind }: RawInode): boolean {
  return kind !== undefined && mode !== modes[kind];
}

/** The inode that an entry which is whole is a name of. */
export function entryInodeAt(bytes: Buffer, offset: number): RofsNumber {
  return numberAt(bytes, offset);
}

/** The kernel reads 32 bits of the mode and does not look at the permission bits in it. */
function kindOf(mode: number): RofsInode['kind'] | undefined {
  switch (mode & 0xf000) {
    case modes.file:
      return 'file';
    case modes.directory:
      return 'directory';
    case modes.symlink:
      return 'symlink';
    default:
      return undefined;
  }
}

function slice(bytes: Buffer, start: number, length: number): Buffer | undefined {
  return start + length <= bytes.length ? bytes.subarray(start, start + length) : undefined;
}

function putU64(target: Buffer, offset: number, value: number): void {
  target.writeUInt32LE(value % 0x1_0000_0000, offset);
  target.writeUInt32LE(Math.floor(value / 0x1_0000_0000), offset + 4);
}

function numberAt(bytes: Buffer, offset: number): RofsNumber {
  const value = u64(bytes, offset);
  return Number.isNaN(value) ? bytes.readBigUInt64LE(offset) : value;
}

function u64(bytes: Buffer, offset: number): number {
  const value = bytes.readUInt32LE(offset + 4) * 0x1_0000_0000 + bytes.readUInt32LE(offset);
  return Number.isSafeInteger(value) ? value : Number.NaN;
}
