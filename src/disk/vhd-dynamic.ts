import { createIdentity } from './identity.ts';
import type { ImageWriter } from './image-writer.ts';
import type { OutputFile } from './output-file.ts';
import { nonZeroRuns } from './runs.ts';
import {
  blockSize,
  formatHeader,
  mapSizeOf,
  sectorSize,
  tableOffset,
} from './vhd-dynamic-format.ts';
import { footerSize, formatFooter, kinds } from './vhd-footer.ts';

/** The block of most file systems. */
const dataUnit = 4096;
/** Of a block that is stored: zeros in it count as written, as QEMU has it. */
const map = Buffer.alloc(mapSizeOf(blockSize), 0xff);

/** A dynamic VHD. Memory is the table; runs of zeros in a block become holes where the file system can. */
export function openDynamicVhd(file: OutputFile, size: number): ImageWriter {
  const blocks = Math.ceil(size / blockSize);
  const table = Buffer.alloc(roundUp(blocks * 4, sectorSize), 0xff);
  const identity = createIdentity(size);
  let end = tableOffset + table.length;
  /** The block that pieces go to, and where its bytes begin. */
  let [block, start] = [-1, 0];

  /** The bytes of a block begin where one of the file system does, so that holes fit. */
  function useBlock(index: number): void {
    if (index === block) return;
    [block, start] = [index, roundUp(end + map.length, dataUnit)];
    file.write(map, start - map.length);
    table.writeUInt32BE((start - map.length) / sectorSize, index * 4);
    end = start + blockSize;
  }

  return {
    write(piece) {
      identity.add(piece);
      const { offset, bytes } = piece;
      for (const run of nonZeroRuns(bytes, dataUnit)) {
        useBlock(Math.floor(offset / blockSize));
        const at = start + (offset % blockSize) + run.start;
        file.write(bytes.subarray(run.start, run.end), at);
      }
    },

    finish() {
      const fields = { size, kind: kinds.dynamic, headerOffset: BigInt(footerSize) };
      const footer = formatFooter(fields, identity.uuid());
      file.write(Buffer.concat([footer, formatHeader(blocks), table]), 0);
      file.write(footer, end);
    },
  };
}

function roundUp(bytes: number, unit: number): number {
  return Math.ceil(bytes / unit) * unit;
}
