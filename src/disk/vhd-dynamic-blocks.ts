import type { SyncAccess } from '../tree/access.ts';
import { invalidDisk } from './disk-error.ts';
import { sectorSize, unallocated } from './vhd-dynamic-format.ts';
import { footerSize } from './vhd-footer.ts';

/** Where the blocks of a dynamic VHD begin, in bytes of the file, ascending. */
export function startsIn(table: Buffer): Float64Array {
  const blocks = table.length / 4;
  const starts = new Float64Array(blocks);
  let count = 0;
  for (let block = 0; block < blocks; block += 1) {
    const entry = table.readUInt32BE(block * 4);
    if (entry !== unallocated) starts[count++] = entry * sectorSize;
  }
  return starts.subarray(0, count).sort();
}

export interface Blocks {
  /** Ascending. */
  readonly starts: Float64Array;
  /** Of each, with its map. */
  readonly length: number;
  /** Parts of the file that are no block's, the end not included. */
  readonly taken: readonly (readonly [start: number, end: number])[];
}

/**
 * Refuses blocks that lie behind the end of a file that ends in a footer, and those over one another or over
 * something else: a trap for whoever writes to one of them.
 * @throws ConvertError `DISK_INVALID`.
 */
export function requireBlocks(
  file: SyncAccess,
  path: string,
  { starts, length, taken }: Blocks,
): void {
  const last = starts.at(-1) ?? 0;
  if (starts.length > 0 && last + length > file.size - footerSize) {
    const wanted = `its end within ${file.size - footerSize} bytes, before the footer`;
    throw invalidDisk(path, `a block of ${length} bytes at byte ${last}`, wanted);
  }
  for (const [index, start] of starts.entries()) {
    const next = starts[index + 1] ?? Number.POSITIVE_INFINITY;
    const overlaps = taken.some(([from, to]) => start < to && start + length > from);
    if (!overlaps && start + length <= next) continue;
    const found = `a block of ${length} bytes at byte ${start}, over something else`;
    throw invalidDisk(path, found, 'a place of its own');
  }
}
