import { inflateSync } from 'node:zlib';
import type { SyncAccess } from '../tree/access.ts';
import { accessOfBlocks } from './block-access.ts';
import { conversionOf, invalidDisk, unsupportedDisk } from './disk-error.ts';
import {
  grainMarkerSize,
  headerSize,
  parseHeader,
  sectorSize,
  type VmdkHeader,
} from './vmdk-format.ts';

export function isVmdk(file: SyncAccess): boolean {
  return Buffer.from(file.read(0, 4)).toString('latin1') === 'KDMV';
}

/** The last three sectors: a marker, the header with the place of the directory, a marker of the end. */
const footerFromEnd = 2 * sectorSize;
/** As QEMU takes them (block/vmdk.c), far above what anything writes. */
const maxGrain = 2 ** 21;
const maxTableEntries = 512;
/** Of the directory, in bytes: enough for 32 TiB in the usual tables. */
const maxDirectorySize = 4 << 20;

/**
 * The disk in a file that `isVmdk`, where it is streamOptimized. Each pointer is checked when it is followed;
 * memory is the directory, a table and a grain.
 * @throws ConvertError `DISK_UNSUPPORTED` for other kinds of VMDK; `DISK_INVALID`, which `read` may throw.
 */
export function openVmdkAccess(file: SyncAccess, path: string): SyncAccess {
  const { size, grain, tableEntries, directory } = openTables(file, path);
  let table: { readonly sector: number; readonly bytes: Buffer } | undefined;
  let last: { readonly sector: number; readonly bytes: Uint8Array } | undefined;

  function grainAt(index: number): Uint8Array | undefined {
    const tableSector = directory.readUInt32LE(Math.floor(index / tableEntries) * 4);
    if (tableSector === 0) return undefined;
    if (table?.sector !== tableSector) {
      const bytes = readAt(
        `table ${Math.floor(index / tableEntries)}`,
        tableSector,
        tableEntries * 4,
      );
      table = { sector: tableSector, bytes };
    }
    const sector = table.bytes.readUInt32LE((index % tableEntries) * 4);
    if (sector === 0) return undefined;
    // A grain of zeros, written by others.
    if (sector === 1) return undefined;
    if (last?.sector !== sector) last = { sector, bytes: inflateGrain(index, sector) };
    return last.bytes;
  }

  function inflateGrain(index: number, sector: number): Uint8Array {
    const what = `grain ${index}`;
    const marker = readAt(what, sector, grainMarkerSize);
    const length = marker.readUInt32LE(8);
    const wanted = `a compressed grain of ${grain} bytes`;
    const at = `${what} at byte ${sector * sectorSize}`;
    if (length > 2 * maxGrain) throw invalidDisk(path, `${at} of ${length} bytes`, wanted);
    const packed = readAt(what, sector, grainMarkerSize + length).subarray(grainMarkerSize);
    const bytes = inflated(packed, grain, (found) =>
      invalidDisk(path, `${found} in ${at}`, wanted),
    );
    // The last grain may end where the disk does.
    if (bytes.length >= Math.min(grain, size - index * grain)) return bytes;
    throw invalidDisk(path, `${bytes.length} bytes in ${at}`, wanted);
  }

  function readAt(what: string, sector: number, length: number): Buffer {
    const bytes = Buffer.from(file.read(sector * sectorSize, length));
    if (bytes.length === length) return bytes;
    const found = `${what} at byte ${sector * sectorSize}`;
    throw invalidDisk(path, found, `its end within ${file.size} bytes`);
  }

  return accessOfBlocks(size, grain, (target, index, within) => {
    const stored = grainAt(index);
    if (stored) target.set(stored.subarray(within, within + target.length));
  });
}

function inflated(packed: Uint8Array, size: number, invalid: (found: string) => Error): Uint8Array {
  try {
    return inflateSync(packed, { maxOutputLength: size });
  } catch (cause) {
    throw invalid(cause instanceof Error ? cause.message : String(cause));
  }
}

/** The header, from the end where the first one says so, and all of the directory. */
function openTables(file: SyncAccess, path: string): VmdkHeader & { readonly directory: Buffer } {
  const first = headerAt(file, path, 0);
  const isAtEnd = first.directorySector >= 2 ** 53;
  const header = isAtEnd ? headerAt(file, path, file.size - footerFromEnd) : first;
  const { size, grain, tableEntries, directorySector } = header;
  const isSound =
    Number.isSafeInteger(size) &&
    Number.isInteger(Math.log2(grain)) &&
    grain >= sectorSize &&
    grain <= maxGrain &&
    tableEntries > 0 &&
    tableEntries <= maxTableEntries;
  const length = isSound ? Math.ceil(size / (grain * tableEntries)) * 4 : 0;
  if (!isSound || length > maxDirectorySize) {
    const found = `tables of ${tableEntries} grains of ${grain} bytes for ${size} bytes`;
    throw invalidDisk(
      path,
      found,
      `${maxTableEntries} or fewer, of at most ${maxGrain}, for what there is`,
    );
  }
  const start = directorySector * sectorSize;
  if (!(start + length <= file.size)) {
    throw invalidDisk(path, `a directory at byte ${start}`, `its end within ${file.size} bytes`);
  }
  return { ...header, directory: Buffer.from(file.read(start, length)) };
}

function headerAt(file: SyncAccess, path: string, offset: number): VmdkHeader {
  const bytes = Buffer.from(file.read(Math.max(0, offset), headerSize));
  if (bytes.length < headerSize) {
    throw invalidDisk(path, `a header cut off at byte ${offset + bytes.length}`, 'a whole one');
  }
  const header = parseHeader(bytes);
  if (header !== undefined) return header;
  if (offset > 0) {
    throw invalidDisk(
      path,
      `no footer at byte ${offset}`,
      `one ${footerFromEnd} bytes before its end`,
    );
  }
  throw unsupportedDisk(path, 'a VMDK disk', 'one that is streamOptimized', conversionOf(path));
}
