import type { Tree } from '../tree/tree.ts';
import {
  blockSize,
  blocksOf,
  entryHeaderSize,
  inodeSize,
  type RofsEntry,
  type RofsInode,
  type Superblock,
  symlinkHeaderSize,
} from './format.ts';
import { rofsLimit } from './limit.ts';
import { type NumberedTree, numberTree, type Skipped } from './number.ts';
import { type Placed, placeInTurn, placeShared, type RofsData } from './place.ts';

/** A file system with every number decided; only the bytes of the files are still elsewhere. */
export interface RofsPlan {
  /** Bytes of the whole file system, a multiple of the block size. */
  readonly size: number;
  readonly superblock: Superblock;
  /** What is not empty, ascending. */
  readonly data: readonly RofsData[];
  readonly entries: readonly RofsEntry[];
  /** Targets. */
  readonly symlinks: readonly Uint8Array[];
  readonly inodes: readonly RofsInode[];
  /** What ROFS cannot hold: devices and fifos. */
  readonly skipped: readonly Skipped[];
}

export interface RofsPlanOptions {
  /**
   * `shared` (the default): files of equal content share their blocks, names of one node an inode, and names
   * are in the order of their bytes. `upstream`: what OSv's own generator (scripts/gen-rofs-img.py) makes of
   * a manifest in the order of the tree, byte for byte, each name with an inode and blocks of its own.
   */
  readonly layout?: 'shared' | 'upstream';
  /**
   * Where a file's data go among those of others, told by its path, of several names by the least: those of
   * a lower rank first, those of one rank in the order of a walk. Not for `upstream`.
   */
  readonly rank?: (path: string) => number;
}

/** A partition's length has 32 bits, in sectors of 512 bytes. */
const maxBlocks = 0xffff_ffff;

/**
 * Decides every number of the file system of a tree. The same tree, whatever the order its names came in,
 * gives the same plan. Times, owners and permissions are dropped: ROFS has none.
 *
 * @throws ConvertError `ROFS_LIMIT` for names and targets that ROFS or the kernel cannot hold, and for more
 * than 2^32 - 1 blocks.
 */
export function planRofs(tree: Tree, { layout = 'shared', rank }: RofsPlanOptions = {}): RofsPlan {
  if (layout === 'shared') {
    const numbered = numberTree(tree, { order: 'name', links: true, rank });
    return planOf(numbered, placeShared(numbered.files), blocksOf);
  }
  const numbered = numberTree(tree, { order: 'tree', links: false });
  // Where nothing is left to fill in a last block, the generator fills one more.
  const blocks = (bytes: number): number => Math.floor(bytes / blockSize) + 1;
  return planOf(numbered, placeInTurn(numbered.files), blocks);
}

function planOf(
  { entries, symlinks, inodes, files, skipped }: NumberedTree,
  { data, starts, end }: Placed,
  blocksWritten: (infoSize: number) => number,
): RofsPlan {
  files.forEach(({ number, content }, at) => {
    inodes[number - 1] = { kind: 'file', number, start: starts[at] ?? 0, count: content.size };
  });
  const infoSize = infoSizeOf(entries, symlinks, inodes);
  const blocks = end + blocksWritten(infoSize);
  if (blocks > maxBlocks) {
    throw rofsLimit('/', `${blocks} blocks of 512 bytes`, `at most ${maxBlocks}`);
  }
  return {
    size: blocks * blockSize,
    superblock: {
      infoFirstBlock: end,
      infoBlocks: blocksOf(infoSize),
      entryCount: entries.length,
      symlinkCount: symlinks.length,
      inodeCount: inodes.length,
    },
    data,
    entries,
    symlinks,
    inodes,
    skipped,
  };
}

function infoSizeOf(
  entries: readonly RofsEntry[],
  symlinks: readonly Uint8Array[],
  inodes: readonly RofsInode[],
): number {
  let size = inodes.length * inodeSize;
  for (const { name } of entries) size += entryHeaderSize + name.length;
  for (const target of symlinks) size += symlinkHeaderSize + target.length;
  return size;
}
