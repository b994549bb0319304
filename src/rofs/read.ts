import { decodeName } from '../../store/index.ts';
import { ConvertError } from '../error.ts';
import type { SyncAccess } from '../tree/access.ts';
import {
  blockSize,
  decodeSuperblock,
  entryAt,
  entryHeaderSize,
  inodeAt,
  inodeSize,
  type RofsEntry,
  type RofsInode,
  type Superblock,
  superblockSize,
  symlinkAt,
  symlinkHeaderSize,
} from './format.ts';

/** A ROFS as its image tells it. */
export interface RofsImage {
  readonly superblock: Superblock;
  readonly root: RofsDirectory;
}

export type RofsNode = RofsFile | RofsDirectory | RofsSymlink;

export interface RofsFile {
  readonly kind: 'file';
  readonly inode: number;
  /** Where its bytes begin, in bytes from the start of the file system. */
  readonly offset: number;
  readonly size: number;
}

export interface RofsDirectory {
  readonly kind: 'directory';
  readonly inode: number;
  /** In the order of the image. */
  readonly entries: ReadonlyMap<string, RofsNode>;
}

export interface RofsSymlink {
  readonly kind: 'symlink';
  readonly inode: number;
  readonly target: string;
}

/** Structure info is read whole, as the kernel does; ten million files have less than this. */
const maxInfoSize = 1 << 30;

/**
 * Reads the tree of a ROFS. Every number of the image is checked before it is used: a directory that has
 * two names (a loop is one) is refused, so the work is linear in the size of the structure info.
 *
 * @throws ConvertError `ROFS_INVALID` for anything the format does not allow.
 */
export function readRofs(access: SyncAccess): RofsImage {
  const superblock = readSuperblock(access);
  return { superblock, root: connect(superblock, readTables(access, superblock)) };
}

interface Tables {
  readonly entries: readonly RofsEntry[];
  readonly symlinks: readonly string[];
  /** Inode N at N - 1. */
  readonly inodes: readonly RofsInode[];
}

function readSuperblock(access: SyncAccess): Superblock {
  const superblock = decodeSuperblock(bytesOf(access, 0, superblockSize));
  if (!superblock) throw invalid('no superblock', 'magic deadbead, version 1, blocks of 512 bytes');
  const { infoFirstBlock, infoBlocks, entryCount, symlinkCount, inodeCount } = superblock;
  const infoSize = infoBlocks * blockSize;
  const end = (infoFirstBlock + infoBlocks) * blockSize;
  if (!(infoFirstBlock > 0 && end <= access.size)) {
    throw invalid(`structure info up to byte ${end}`, `its end within ${access.size} bytes`);
  }
  if (infoSize > maxInfoSize) {
    throw invalid(`${infoSize} bytes of structure info`, `at most ${maxInfoSize}`);
  }
  const least =
    entryCount * entryHeaderSize + symlinkCount * symlinkHeaderSize + inodeCount * inodeSize;
  if (!(inodeCount > 0 && least <= infoSize)) {
    throw invalid(
      `${entryCount} entries, ${symlinkCount} symlinks and ${inodeCount} inodes`,
      `at least the root, and no more than ${infoSize} bytes can hold`,
    );
  }
  return superblock;
}

function readTables(access: SyncAccess, superblock: Superblock): Tables {
  const { infoFirstBlock, infoBlocks, entryCount, symlinkCount, inodeCount } = superblock;
  const info = bytesOf(access, infoFirstBlock * blockSize, infoBlocks * blockSize);
  const entries: RofsEntry[] = [];
  const symlinks: string[] = [];
  const inodes: RofsInode[] = [];
  let offset = 0;
  while (entries.length < entryCount) {
    const entry = entryAt(info, offset);
    if (!entry) throw cutOff('directory entry', entries.length);
    entries.push(entry);
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
  return { entries, symlinks, inodes };
}

/** Makes all nodes before any directory is filled, so that no depth of nesting is too deep. */
function connect(superblock: Superblock, tables: Tables): RofsDirectory {
  const { entries, inodes } = tables;
  const filling: { readonly inode: RofsInode; readonly into: Map<string, RofsNode> }[] = [];
  const nodes = inodes.map((inode): RofsNode => {
    if (inode.kind === 'file') return fileOf(inode, superblock);
    if (inode.kind === 'symlink') return symlinkOf(inode, tables);
    const into = new Map<string, RofsNode>();
    filling.push({ inode, into });
    return { kind: 'directory', inode: inode.number, entries: into };
  });
  const root = nodes[0];
  if (root?.kind !== 'directory') throw invalid('a root that is none', 'a directory as inode 1');

  const named = new Set<RofsNode>([root]);
  let used = 0;
  for (const { inode, into } of filling) {
    used += inode.count;
    // Else directories could share a long run of entries and cost its length each.
    if (!(inode.start + inode.count <= entries.length && used <= entries.length)) {
      throw invalid(
        `the entries of directory inode ${inode.number} at ${inode.start}, ${inode.count} of them`,
        `a run of its own within ${entries.length}`,
      );
    }
    for (const entry of entries.slice(inode.start, inode.start + inode.count)) {
      const node = nodes[entry.inode - 1];
      if (!node) throw invalid(`an entry for inode ${entry.inode}`, `one of ${nodes.length}`);
      if (node.kind === 'directory' && named.has(node)) {
        throw invalid(`a second name for directory inode ${entry.inode}`, 'one');
      }
      named.add(node);
      const name = nameOf(entry, inode);
      if (into.has(name)) throw invalid(`${JSON.stringify(name)} twice in one directory`, 'once');
      into.set(name, node);
    }
  }
  return root;
}

function fileOf({ number, start, count }: RofsInode, superblock: Superblock): RofsFile {
  const offset = start * blockSize;
  if (count > 0 && !(start > 0 && offset + count <= superblock.infoFirstBlock * blockSize)) {
    throw invalid(
      `the data of inode ${number} at block ${start}, ${count} bytes`,
      `blocks 1 to ${superblock.infoFirstBlock - 1}`,
    );
  }
  if (Number.isNaN(offset + count)) throw invalid(`inode ${number} without end`, 'a size');
  return { kind: 'file', inode: number, offset, size: count };
}

function symlinkOf({ number, start }: RofsInode, { symlinks }: Tables): RofsSymlink {
  const target = symlinks[start];
  if (target !== undefined) return { kind: 'symlink', inode: number, target };
  throw invalid(`symlink ${start} at inode ${number}`, `one of ${symlinks.length}`);
}

function nameOf(entry: RofsEntry, directory: RofsInode): string {
  const name = decodeName(entry.name);
  if (name !== '' && name !== '.' && name !== '..' && !/[\0/]/.test(name)) return name;
  throw invalid(
    `the name ${JSON.stringify(name)} in directory inode ${directory.number}`,
    'a name without NUL and slash',
  );
}

function bytesOf(access: SyncAccess, offset: number, length: number): Buffer {
  const bytes = access.read(offset, length);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function cutOff(what: string, index: number): ConvertError {
  return invalid(`${what} ${index} misnumbered, of no known kind or cut off`, 'a whole one');
}

function invalid(found: string, wanted: string): ConvertError {
  return new ConvertError('ROFS_INVALID', `reading the ROFS: found ${found}, wanted ${wanted}`);
}
