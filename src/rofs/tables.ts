import { decodeName } from '../../store/index.ts';
import type { SyncAccess } from '../tree/access.ts';
import {
  blockSize,
  decodeSuperblock,
  entryAt,
  entryHeaderSize,
  inodeAt,
  inodeSize,
  type RofsInode,
  type Superblock,
  superblockSize,
  symlinkAt,
  symlinkHeaderSize,
} from './format.ts';
import { invalidRofs } from './invalid.ts';
import { bytesOf, maxInfoSize, maxRecords } from './records.ts';

/** The structure info of a ROFS: records of which each is whole, though not yet in its place. */
export interface RofsTables {
  /** Of the entries: names, of at least one byte, and the inodes that they are names of. */
  readonly names: readonly string[];
  readonly named: readonly number[];
  /** Targets. */
  readonly symlinks: readonly string[];
  /** Inode N at N - 1. */
  readonly inodes: readonly RofsInode[];
  /** Where the data of files ends, in bytes from the start of the file system. */
  readonly dataEnd: number;
}

/** @throws ConvertError `ROFS_INVALID`. */
export function readTables(access: SyncAccess): RofsTables {
  const { infoFirstBlock, infoBlocks, entryCount, symlinkCount, inodeCount } =
    readSuperblock(access);
  const dataEnd = infoFirstBlock * blockSize;
  const info = bytesOf(access, dataEnd, infoBlocks * blockSize);
  const names: string[] = [];
  const named: number[] = [];
  const symlinks: string[] = [];
  const inodes: RofsInode[] = [];
  let offset = 0;
  while (names.length < entryCount) {
    const entry = entryAt(info, offset);
    if (!(entry && entry.inode >= 1 && entry.inode <= inodeCount && entry.name.length > 0)) {
      throw cutOff('directory entry', names.length);
    }
    names.push(decodeName(entry.name));
    named.push(entry.inode);
    offset += entryHeaderSize + entry.name.length;
  }
  while (symlinks.length < symlinkCount) {
    const target = symlinkAt(info, offset);
    if (!target) throw cutOff('symlink', symlinks.length);
    symlinks.push(decodeName(target));
    offset += symlinkHeaderSize + target.length;
  }
  while (inodes.length < inodeCount) {
    const inode = inodeAt(info, offset);
    if (inode?.number !== inodes.length + 1) throw cutOff('inode', inodes.length);
    inodes.push(inode);
    offset += inodeSize;
  }
  return { names, named, symlinks, inodes, dataEnd };
}

function readSuperblock(access: SyncAccess): Superblock {
  const superblock = decodeSuperblock(bytesOf(access, 0, superblockSize));
  if (!superblock) {
    throw invalidRofs('no superblock', 'magic deadbead, version 1, blocks of 512 bytes');
  }
  const { infoFirstBlock, infoBlocks, entryCount, symlinkCount, inodeCount } = superblock;
  const infoSize = infoBlocks * blockSize;
  const end = (infoFirstBlock + infoBlocks) * blockSize;
  if (!(infoFirstBlock > 0 && end <= access.size)) {
    const found = `structure info up to byte ${end}`;
    throw invalidRofs(found, `its end within ${access.size} bytes`);
  }
  if (infoSize > maxInfoSize) {
    throw invalidRofs(`${infoSize} bytes of structure info`, `at most ${maxInfoSize}`);
  }
  const records = entryCount + symlinkCount + inodeCount;
  if (records > maxRecords) {
    throw invalidRofs(`${records} entries, symlinks and inodes`, `at most ${maxRecords}`);
  }
  const least =
    entryCount * entryHeaderSize + symlinkCount * symlinkHeaderSize + inodeCount * inodeSize;
  if (!(symlinkCount < inodeCount && least <= infoSize)) {
    throw invalidRofs(
      `${entryCount} entries, ${symlinkCount} symlinks and ${inodeCount} inodes`,
      `an inode for the root and each symlink, and no more than ${infoSize} bytes can hold`,
    );
  }
  return superblock;
}

function cutOff(what: string, index: number): Error {
  const found = `${what} ${index} misnumbered, of no name or kind, or cut off`;
  return invalidRofs(found, 'a whole one');
}
