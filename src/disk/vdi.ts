import { geometryOf } from './geometry.ts';
import { createIdentity } from './identity.ts';
import type { ImageWriter } from './image-writer.ts';
import type { OutputFile } from './output-file.ts';
import { nonZeroRuns } from './runs.ts';

/*
 * A dynamic VDI 1.1 (VirtualBox, src/VBox/Storage/VDICore.h), all integers little-endian: the header, a map with
 * 32 bits for each MiB of the disk, then those that are not zero.
 */

export const blockSize = 1 << 20;
export const signature = 0xbeda107f;
export const version = 0x1_0001;
export const dynamic = 1;
/** In the map: nothing is stored, and zeros are read. `discarded` is written by others only. */
export const unallocated = 0xffff_ffff;
export const discarded = 0xffff_fffe;
export const mapOffset = 512;

const sectorSize = 512;
/** The block of most file systems. */
const dataUnit = 4096;
/** From its own field on, at byte 72. */
const headerLength = 400;

/** Memory is the map. Pieces are blocks; runs of zeros in them become holes where the file system can. */
export function openVdi(file: OutputFile, size: number): ImageWriter {
  const blocks = Math.ceil(size / blockSize);
  const map = Buffer.alloc(blocks * 4, 0xff);
  const dataOffset = Math.ceil((mapOffset + map.length) / dataUnit) * dataUnit;
  const identity = createIdentity(size);
  let next = 0;

  return {
    write(piece) {
      identity.add(piece);
      const { offset, bytes } = piece;
      const runs = [...nonZeroRuns(bytes, dataUnit)];
      if (runs.length === 0) return;
      const block = dataOffset + next * blockSize;
      for (const { start, end } of runs) file.write(bytes.subarray(start, end), block + start);
      map.writeUInt32LE(next, (offset / blockSize) * 4);
      next += 1;
    },

    finish() {
      file.write(map, mapOffset);
      file.write(formatHeader({ size, dataOffset, used: next, uuid: identity.uuid() }), 0);
      file.resize(dataOffset + next * blockSize);
    },
  };
}

interface Header {
  readonly size: number;
  readonly dataOffset: number;
  /** Blocks in the file. */
  readonly used: number;
  readonly uuid: Buffer;
}

function formatHeader({ size, dataOffset, used, uuid }: Header): Buffer {
  const { cylinders, heads, sectors } = geometryOf(size);
  const bytes = Buffer.alloc(mapOffset);
  bytes.write('<<< Oracle VM VirtualBox Disk Image >>>\n', 0, 'latin1');
  const numbers: readonly (readonly [offset: number, value: number])[] = [
    [64, signature],
    [68, version],
    [72, headerLength],
    [76, dynamic],
    [340, mapOffset],
    [344, dataOffset],
    [360, sectorSize],
    [376, blockSize],
    [384, Math.ceil(size / blockSize)],
    [388, used],
    [456, cylinders],
    [460, heads],
    [464, sectors],
    [468, sectorSize],
  ];
  for (const [offset, value] of numbers) bytes.writeUInt32LE(value, offset);
  bytes.writeBigUInt64LE(BigInt(size), 368);
  // The id of the disk, and that of its last change; of a parent there is none.
  guid(uuid).copy(bytes, 392);
  guid(uuid).copy(bytes, 408);
  return bytes;
}

/** As Windows keeps a UUID: its first three numbers little-endian. */
function guid(uuid: Buffer): Buffer {
  const bytes = Buffer.from(uuid);
  bytes.subarray(0, 4).reverse();
  bytes.subarray(4, 6).reverse();
  bytes.subarray(6, 8).reverse();
  return bytes;
}
