import { entryHeaderSize, inodeSize, symlinkHeaderSize } from './format.ts';
import type { RofsRecords } from './records.ts';

/**
 * Bytes of the kernel's memory that a mounted ROFS keeps for ever: a pointer or 16 bytes for each record, each
 * text in an allocation of its own, whose sizes are powers of two (OSv, rofs_vfsops.cc, rofs_mount).
 */
export function residentSize({ entries, symlinks, inodes }: RofsRecords): number {
  let size = inodes.length * inodeSize;
  // Where a table ends, the next begins.
  const symlinksStart = symlinks[0] ?? inodes[0] ?? 0;
  const inodesStart = inodes[0] ?? 0;
  for (let at = 0; at < entries.length; at += 1) {
    const end = entries[at + 1] ?? symlinksStart;
    size += 16 + allocationOf(end - (entries[at] ?? 0) - entryHeaderSize + 1);
  }
  for (let at = 0; at < symlinks.length; at += 1) {
    const end = symlinks[at + 1] ?? inodesStart;
    size += 8 + allocationOf(end - (symlinks[at] ?? 0) - symlinkHeaderSize + 1);
  }
  return size;
}

function allocationOf(bytes: number): number {
  return Math.max(16, 2 ** Math.ceil(Math.log2(bytes)));
}
