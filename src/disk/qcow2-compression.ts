import type { SyncAccess } from '../tree/access.ts';
import { openFileAccess } from './file-access.ts';
import type { Compression } from './formats.ts';
import { isQcow2, readQcow2Header } from './qcow2-header.ts';

/**
 * How the clusters of the qcow2 file at `path` are compressed, so that it can be written again alike:
 * undefined where none is, and for other formats.
 * @throws ConvertError as `openFileAccess` and `readQcow2Header`.
 */
export function compressionOf(path: string): Compression | undefined {
  const file = openFileAccess(path);
  try {
    if (!isQcow2(file)) return undefined;
    const header = readQcow2Header(file, path);
    if (!hasCompressed(file, header)) return undefined;
    return header.compression === 'zstd' ? 'zstd' : 'zlib';
  } finally {
    file.close();
  }
}

/** Bits 9 to 55 of an entry are a place in the file; bit 62 of one for a cluster says that it is compressed. */
const placeMask = 0xff_ffff_ffff_fe00n;
const compressed = 1n << 62n;

/** L2 tables that are looked at: those of 512 GiB of data, so that no file keeps us for ever. */
const maxTables = 1024;

function hasCompressed(
  file: SyncAccess,
  { clusterSize, size, l1Offset }: ReturnType<typeof readQcow2Header>,
): boolean {
  const tables = Math.ceil(size / (clusterSize * (clusterSize / 8)));
  const places = new Set<number>();
  for (const entry of entriesIn(file, l1Offset, tables * 8)) {
    const place = Number(entry & placeMask);
    if (place === 0 || places.has(place)) continue;
    places.add(place);
    for (const cluster of entriesIn(file, place, clusterSize)) {
      if ((cluster & compressed) !== 0n) return true;
    }
    if (places.size === maxTables) break;
  }
  return false;
}

/** A damaged pointer gives no entries here; whoever reads the cluster says what is wrong with it. */
function* entriesIn(file: SyncAccess, offset: number, length: number): Generator<bigint> {
  const bytes = file.read(Math.min(offset, file.size), length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + 8 <= bytes.length; at += 8) yield view.getBigUint64(at);
}
