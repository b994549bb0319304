import { inflateRawSync } from 'node:zlib';
import { type InflateFrame, loadInflateFrame } from '../../store/index.ts';
import type { SyncAccess } from '../tree/access.ts';
import { conversionOf, invalidDisk, unsupportedDisk } from './disk-error.ts';
import type { Qcow2Header } from './qcow2-header.ts';

/** The bytes of a cluster whose L2 entry says that it is compressed. */
export type InflateCluster = (entry: bigint) => Uint8Array;

/**
 * Makes what inflates the compressed clusters of a qcow2 file; the last one is kept, for it is often read
 * in pieces.
 * @throws ConvertError `DISK_UNSUPPORTED` where they are of zstd, and `loadZstd` gives nothing to inflate
 * them with. What it makes throws `DISK_INVALID`.
 */
export async function openInflater(
  file: SyncAccess,
  path: string,
  { clusterSize, compression }: Qcow2Header,
  loadZstd = loadInflateFrame,
): Promise<InflateCluster> {
  const inflateOne = compression === 'zstd' ? await loadZstd() : inflateDeflate;
  if (inflateOne === undefined) {
    const wanted = 'deflate, or the package zstd-napi to read it with';
    throw unsupportedDisk(path, 'clusters compressed with zstd', wanted, conversionOf(path));
  }
  let last: { readonly entry: bigint; readonly bytes: Uint8Array } | undefined;

  return (entry) => {
    if (last?.entry === entry) return last.bytes;
    const { start, length } = compressedAt(entry, clusterSize);
    const invalid = (found: string) =>
      invalidDisk(
        path,
        `${found} at byte ${start}`,
        `a compressed cluster of ${clusterSize} bytes`,
      );
    if (!(start > 0 && start < file.size)) throw invalid('the end of the file');
    // The last sector may be cut where its data ends, and so may the file.
    const bytes = inflated(inflateOne, file.read(start, length), clusterSize, invalid);
    if (bytes.length !== clusterSize) throw invalid(`${bytes.length} bytes`);
    last = { entry, bytes };
    return bytes;
  };
}

function inflated(
  inflateOne: InflateFrame,
  packed: Uint8Array,
  size: number,
  invalid: (found: string) => Error,
): Uint8Array {
  try {
    return inflateOne(packed, size);
  } catch (cause) {
    throw invalid(cause instanceof Error ? cause.message : String(cause));
  }
}

function inflateDeflate(bytes: Uint8Array, size: number): Uint8Array {
  return inflateRawSync(bytes, { maxOutputLength: size });
}

/** Offset and number of sectors share 62 bits; the first sector may begin before the data does. */
function compressedAt(
  entry: bigint,
  clusterSize: number,
): { readonly start: number; readonly length: number } {
  const offsetBits = BigInt(70 - Math.log2(clusterSize));
  const start = Number(entry & ((1n << offsetBits) - 1n));
  const sectors = Number((entry & ((1n << 62n) - 1n)) >> offsetBits) + 1;
  return { start, length: sectors * 512 - (start % 512) };
}
