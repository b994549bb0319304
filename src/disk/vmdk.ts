import { zlibPack } from './deflate.ts';
import type { ImageWriter } from './image-writer.ts';
import { nonZeroUnits } from './runs.ts';
import {
  formatDescriptor,
  formatHeader,
  formatMarker,
  grainMarkerSize,
  grainSize,
  grainsPerTable,
  type markers,
  overheadSectors,
  sectorSize,
} from './vmdk-format.ts';

const pack = zlibPack({});
/** Bytes of the disk under one grain table. */
const tableReach = grainsPerTable * grainSize;

/**
 * A streamOptimized disk, given to `append` from its first byte to its last. `size` is a multiple of the grain,
 * 64 KiB. Memory is the directory, 4 bytes for each 32 MiB, and one grain table.
 */
export function openVmdk(append: (bytes: Uint8Array) => void, size: number): ImageWriter {
  const directory = Buffer.alloc(Math.ceil(Math.ceil(size / tableReach) / 128) * sectorSize);
  const table = Buffer.alloc(grainsPerTable * 4);
  /** The table being filled; -1 before the first grain. */
  let tableIndex = -1;
  let sector = 0;

  /** Returns the sector at which the bytes begin. */
  function put(bytes: Uint8Array): number {
    const at = sector;
    const sectors = Math.ceil(bytes.length / sectorSize);
    append(bytes);
    if (bytes.length % sectorSize > 0) append(Buffer.alloc(sectors * sectorSize - bytes.length));
    sector += sectors;
    return at;
  }

  function putMetadata(kind: keyof typeof markers, bytes: Buffer): number {
    put(formatMarker(kind, bytes.length / sectorSize));
    return put(bytes);
  }

  function flushTable(): void {
    if (tableIndex === -1) return;
    directory.writeUInt32LE(putMetadata('table', table), tableIndex * 4);
    table.fill(0);
  }

  function useTable(index: number): void {
    if (index === tableIndex) return;
    flushTable();
    tableIndex = index;
  }

  put(formatHeader(size, undefined));
  put(formatDescriptor(size));
  put(Buffer.alloc((overheadSectors - sector) * sectorSize));

  return {
    async write({ offset, bytes }) {
      const units = [...nonZeroUnits(bytes, grainSize)];
      const packed = await pack(units.map((unit) => unit.bytes));
      for (const [index, { start }] of units.entries()) {
        const small = packed[index] ?? Buffer.alloc(0);
        const grain = (offset + start) / grainSize;
        useTable(Math.floor(grain / grainsPerTable));
        const marker = Buffer.alloc(grainMarkerSize);
        marker.writeBigUInt64LE(BigInt((offset + start) / sectorSize), 0);
        marker.writeUInt32LE(small.length, 8);
        const at = put(Buffer.concat([marker, small]));
        table.writeUInt32LE(at, (grain % grainsPerTable) * 4);
      }
    },

    finish() {
      flushTable();
      const directorySector = putMetadata('directory', directory);
      putMetadata('footer', formatHeader(size, directorySector));
      put(formatMarker('end', 0));
    },
  };
}
