import type { SyncAccess } from '../tree/access.ts';
import { conversionOf, invalidDisk, unsupportedDisk } from './disk-error.ts';
import { requireBlocks, startsIn } from './vhd-dynamic-blocks.ts';
import {
  type DynamicHeader,
  headerSize,
  headerSumOffset,
  mapSizeOf,
  parseHeader,
  sectorSize,
} from './vhd-dynamic-format.ts';
import {
  type FooterFields,
  footerSize,
  kinds,
  readFooter,
  requireSum,
  version,
} from './vhd-footer.ts';

/** Where everything of a dynamic VHD lies in its file. */
export interface DynamicLayout {
  /** Of the disk, in bytes. */
  readonly size: number;
  /** A power of two. */
  readonly blockSize: number;
  /** Before each block: a bit for each of its sectors, in whole sectors. */
  readonly mapSize: number;
  /** An entry for each block of the disk, and maybe more: a sector of the file, or `unallocated`. */
  readonly table: Buffer;
}

/** As QEMU (block/vpc.c) and the specification have it. */
const maxSize = 2040 * 2 ** 30;
/** In bytes: enough for 2040 GiB in blocks of 512 KiB, the smallest that are usual. */
const maxTableSize = 16 << 20;

/**
 * Reads all of a dynamic VHD that is not data, so that a file that was cut short is known at once.
 * @throws ConvertError `DISK_UNSUPPORTED` for one that changes another, or of other versions; `DISK_INVALID`.
 */
export function readDynamicLayout(file: SyncAccess, path: string): DynamicLayout {
  const { size, headerOffset } = readFooters(file, path);
  const header = readHeader(file, path, headerOffset);
  const table = readTable(file, path, header, size);
  const { blockSize, tableOffset } = header;
  const mapSize = mapSizeOf(blockSize);
  requireBlocks(file, path, {
    starts: startsIn(table),
    length: mapSize + blockSize,
    taken: [
      [0, footerSize],
      [headerOffset, headerOffset + headerSize],
      [tableOffset, tableOffset + table.length],
    ],
  });
  return { size, blockSize, mapSize, table };
}

/** QEMU believes the one at the beginning, others the one at the end. */
function readFooters(
  file: SyncAccess,
  path: string,
): { readonly size: number; readonly headerOffset: number } {
  const first = readFooter(file, path, 0);
  const last = readFooter(file, path, file.size - footerSize);
  const { size, kind } = first;
  if (kind !== kinds.dynamic) {
    const found = `a VHD of type ${kind} that begins with a footer`;
    throw unsupportedDisk(path, found, 'a dynamic one (3)', conversionOf(path));
  }
  if (textOf(first) !== textOf(last)) {
    throw invalidDisk(
      path,
      `a footer with ${textOf(last)}`,
      `${textOf(first)}, as at the beginning`,
    );
  }
  if (!(size <= maxSize && size % sectorSize === 0)) {
    throw invalidDisk(path, `a disk of ${size} bytes`, `whole sectors, at most ${maxSize}`);
  }
  return { size, headerOffset: Number(first.headerOffset) };
}

function textOf({ size, kind, headerOffset }: FooterFields): string {
  return `${size} bytes, type ${kind}, the header at byte ${headerOffset}`;
}

function readHeader(file: SyncAccess, path: string, offset: number): DynamicHeader {
  const bytes = Buffer.from(file.read(Math.min(offset, file.size), headerSize));
  const header = parseHeader(bytes);
  if (header === undefined) {
    throw invalidDisk(path, `no header at byte ${offset}`, 'that of a dynamic VHD');
  }
  requireSum(bytes, headerSumOffset, path, 'a header');
  if (header.version === version) return header;
  const found = `a header of version ${header.version.toString(16)}`;
  throw unsupportedDisk(path, found, version.toString(16), conversionOf(path));
}

function readTable(
  file: SyncAccess,
  path: string,
  { tableOffset, entries, blockSize }: DynamicHeader,
  size: number,
): Buffer {
  const isPower = Number.isInteger(Math.log2(blockSize));
  if (!(isPower && blockSize >= sectorSize)) {
    throw invalidDisk(path, `blocks of ${blockSize} bytes`, `a power of two from ${sectorSize} on`);
  }
  if (!(entries * blockSize >= size && entries * 4 <= maxTableSize)) {
    const wanted = `enough of them, in a table of at most ${maxTableSize} bytes`;
    throw invalidDisk(path, `${entries} blocks of ${blockSize} bytes for ${size}`, wanted);
  }
  const table = Buffer.from(file.read(Math.min(tableOffset, file.size), entries * 4));
  if (table.length === entries * 4) return table;
  const wanted = `its end within ${file.size} bytes`;
  throw invalidDisk(path, `a table of ${entries} blocks at byte ${tableOffset}`, wanted);
}
