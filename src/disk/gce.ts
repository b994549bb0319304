import { tarEnd, tarPadding } from '../../store/index.ts';
import { openGzip } from './gzip-output.ts';
import type { ImageWriter } from './image-writer.ts';
import { nonZeroRuns, type Run } from './runs.ts';
import { sparseHeader } from './sparse-tar.ts';

/** What Compute Engine looks for in the tar. */
const diskName = 'disk.raw';
/** The least run of zeros that is left out: a shorter one compresses to little. */
const holeUnit = 65_536;

/**
 * The disk as Compute Engine imports it ("Manually import boot disks"): a `disk.raw` of whole GiB, sparse, in a
 * tar in the old format of GNU, gzip around it. Memory is the list of runs.
 */
export function openGce(append: (bytes: Uint8Array) => void, size: number): ImageWriter {
  /** By the offset of their piece, from its beginning. */
  const runsOf = new Map<number, readonly Run[]>();
  const gzip = openGzip(append);
  let isBegun = false;

  async function begin(): Promise<void> {
    if (isBegun) return;
    isBegun = true;
    await gzip.write(sparseHeader(diskName, size, merged(runsOf)));
  }

  return {
    survey({ offset, bytes }) {
      runsOf.set(offset, [...nonZeroRuns(bytes, holeUnit)]);
    },

    async write({ offset, bytes }) {
      await begin();
      for (const { start, end } of runsOf.get(offset) ?? []) {
        await gzip.write(bytes.subarray(start, end));
      }
    },

    async finish() {
      await begin();
      const length = merged(runsOf).reduce((sum, { start, end }) => sum + end - start, 0);
      await gzip.write(Buffer.concat([tarPadding(length), tarEnd]));
      gzip.end();
    },
  };
}

/** Runs of the whole disk; those that touch are one. */
function merged(runsOf: ReadonlyMap<number, readonly Run[]>): readonly Run[] {
  const all: Run[] = [];
  for (const [offset, runs] of runsOf) {
    for (const { start, end } of runs) {
      const last = all.at(-1);
      if (last?.end === offset + start) all[all.length - 1] = { ...last, end: offset + end };
      else all.push({ start: offset + start, end: offset + end });
    }
  }
  return all;
}
