import type { ImageWriter } from './image-writer.ts';
import type { OutputFile } from './output-file.ts';
import { nonZeroRuns } from './runs.ts';

/** The block of most file systems: a shorter hole saves nothing. */
const holeUnit = 4096;

/** The bytes of the disk as they are; runs of zeros become holes where the file system can. */
export function openRaw(file: OutputFile, size: number): ImageWriter {
  return {
    write({ offset, bytes }) {
      for (const { start, end } of nonZeroRuns(bytes, holeUnit)) {
        file.write(bytes.subarray(start, end), offset + start);
      }
    },
    finish() {
      file.resize(size);
    },
  };
}
