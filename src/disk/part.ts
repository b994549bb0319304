import type { SyncAccess } from '../tree/access.ts';
import type { Partition } from './mbr.ts';

/** A part of `disk`, or as much of it as there is. */
export function partOf(disk: SyncAccess, { offset, size }: Partition): SyncAccess {
  return {
    size,
    read: (at, length) => disk.read(offset + at, Math.max(0, Math.min(length, size - at))),
  };
}
