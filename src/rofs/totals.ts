import type { SyncAccess } from '../tree/access.ts';
import { blockSize, blocksOf, type Superblock } from './format.ts';
import { residentSize } from './memory.ts';
import { openNodes } from './nodes.ts';

/** What a ROFS holds, and what it costs. Sizes are in bytes. */
export interface RofsTotals {
  readonly superblock: Superblock;
  /** Of the file system; what holds it may be larger. */
  readonly size: number;
  readonly files: number;
  readonly directories: number;
  readonly symlinks: number;
  /** Names in directories: one more than there are inodes for each hard link. */
  readonly names: number;
  /** Of all files: what they hold, and the blocks they lie in. */
  readonly contentSize: number;
  readonly dataSize: number;
  /** Of blocks that would be there too, if no file shared its own with another. */
  readonly sharedSize: number;
  readonly infoSize: number;
  /** Of the kernel's memory, as long as it is mounted. */
  readonly memory: number;
}

/** @throws ConvertError `ROFS_INVALID` where it has no tables that are whole. */
export function rofsTotals(access: SyncAccess): RofsTotals {
  const { records, at } = openNodes(access);
  const { superblock, entries, inodes } = records;
  const counts = { file: 0, directory: 0, symlink: 0, unknown: 0 };
  /** Blocks of the longest file at each place. */
  const blocksAt = new Map<number, number>();
  let contentSize = 0;
  let blocks = 0;
  for (let inode = 1; inode <= inodes.length; inode += 1) {
    const node = at(inode);
    if (!node) continue;
    counts[node.kind] += 1;
    // What cannot be is no part of a sum.
    if (node.kind !== 'file' || !(node.count <= access.size)) continue;
    const own = blocksOf(node.count);
    contentSize += node.count;
    blocks += own;
    if (own > 0) blocksAt.set(node.start, Math.max(own, blocksAt.get(node.start) ?? 0));
  }
  const stored = [...blocksAt.values()].reduce((sum, own) => sum + own, 0);
  return {
    superblock,
    size: (superblock.infoFirstBlock + superblock.infoBlocks) * blockSize,
    files: counts.file,
    directories: counts.directory,
    symlinks: counts.symlink,
    names: entries.length,
    contentSize,
    dataSize: stored * blockSize,
    sharedSize: (blocks - stored) * blockSize,
    infoSize: superblock.infoBlocks * blockSize,
    memory: residentSize(records),
  };
}
