import type { ClusterPacker } from './cluster-packer.ts';
import type { ImageWriter } from './image-writer.ts';
import type { OutputFile } from './output-file.ts';
import { createRefcounts } from './qcow2-refcounts.ts';
import { nonZeroRuns, nonZeroUnits } from './runs.ts';
import type { Piece } from './segment.ts';

/*
 * QCOW2 version 3 (QEMU, docs/interop/qcow2.txt), all integers big-endian:
 *
 *     cluster 0       header
 *     then            the L1 table, of L2 tables
 *     then            per 512 MiB of the disk: an L2 table, and the data clusters it points to
 *     at the end      the refcount table, the refcount blocks
 *
 * Compressed clusters lie one behind the other, wherever they end. Places depend on nothing but which
 * clusters of the disk are zero, and how small the others become.
 */

const clusterBits = 16;
const clusterSize = 1 << clusterBits;
const entriesPerTable = clusterSize / 8;
const sectorSize = 512;
/** Bytes of the disk under one L2 table. */
const l2Reach = entriesPerTable * clusterSize;
/** The refcount of the cluster an entry points to is exactly one. */
const copied = 1n << 63n;
const compressed = 1n << 62n;
/** Above the offset: how many sectors begin in the compressed bytes, but the first. */
const sectorsShift = BigInt(70 - clusterBits);
const zstdFeature = 1n << 3n;

/**
 * All-zero clusters are not stored. Memory is one L2 table, the L1 table, 2 KiB for each 128 GiB, and the
 * refcounts, 64 KiB for each 2 GiB of the file. A cluster that `packer` makes no smaller is stored as it is.
 */
export function openQcow2(
  file: Pick<OutputFile, 'write'>,
  size: number,
  packer?: ClusterPacker,
): ImageWriter {
  const refcounts = createRefcounts(clusterSize);
  const l1 = Buffer.alloc(clustersFor(Math.ceil(size / l2Reach) * 8) * clusterSize);
  const l2 = Buffer.alloc(clusterSize);
  /** The L2 table being filled and where it is; the header is at 0, so here that means none. */
  let l2Index = 0;
  let l2Offset = 0;
  let end = 0;
  take(clusterSize + l1.length);

  /** Behind all that is there, at a cluster's beginning unless they are compressed. */
  function take(length: number, unit = clusterSize): number {
    const offset = Math.ceil(end / unit) * unit;
    end = offset + length;
    refcounts.add(offset, length);
    return offset;
  }

  function flushL2(): void {
    if (l2Offset > 0) file.write(l2, l2Offset);
  }

  /** Pieces lie inside the reach of one table, for that is a multiple of their size. */
  function useL2(index: number): void {
    if (l2Offset > 0 && index === l2Index) return;
    flushL2();
    l2.fill(0);
    l2Index = index;
    l2Offset = take(clusterSize);
    l1.writeBigUInt64BE(BigInt(l2Offset) | copied, l2Index * 8);
  }

  function put(cluster: number, entry: bigint): void {
    l2.writeBigUInt64BE(entry, (cluster % entriesPerTable) * 8);
  }

  function writePlain(cluster: number, bytes: Buffer): void {
    const clusters = clustersFor(bytes.length);
    const offset = take(clusters * clusterSize);
    file.write(bytes, offset);
    for (let i = 0; i < clusters; i += 1) {
      put(cluster + i, BigInt(offset + i * clusterSize) | copied);
    }
  }

  function writeRuns({ offset, bytes }: Piece): void {
    for (const { start, end: stop } of nonZeroRuns(bytes, clusterSize)) {
      useL2(Math.floor(offset / l2Reach));
      writePlain((offset + start) / clusterSize, bytes.subarray(start, stop));
    }
  }

  async function writePacked({ offset, bytes }: Piece, { pack }: ClusterPacker): Promise<void> {
    const units = [...nonZeroUnits(bytes, clusterSize)];
    const packed = await pack(units.map((unit) => unit.bytes));
    for (const [index, unit] of units.entries()) {
      useL2(Math.floor(offset / l2Reach));
      const cluster = (offset + unit.start) / clusterSize;
      const small = packed[index];
      if (small === undefined || small.length >= clusterSize) {
        writePlain(cluster, unit.bytes);
        continue;
      }
      const at = take(small.length, 1);
      file.write(small, at);
      put(cluster, compressed | (sectorsBehind(at, small.length) << sectorsShift) | BigInt(at));
    }
  }

  return {
    write: (piece) => (packer === undefined ? writeRuns(piece) : writePacked(piece, packer)),

    finish() {
      flushL2();
      const refcountTable = Math.ceil(end / clusterSize) * clusterSize;
      const { tableClusters } = refcounts.writeAt(file, refcountTable);
      file.write(l1, clusterSize);
      const isZstd = packer?.type === 1;
      file.write(header({ size, refcountTable, tableClusters, isZstd }), 0);
    },
  };
}

function clustersFor(bytes: number): number {
  return Math.ceil(bytes / clusterSize);
}

function sectorsBehind(offset: number, length: number): bigint {
  const [first, last] = [offset, offset + length - 1].map((at) => Math.floor(at / sectorSize));
  return BigInt((last ?? 0) - (first ?? 0));
}

interface Header {
  readonly size: number;
  readonly refcountTable: number;
  readonly tableClusters: number;
  readonly isZstd: boolean;
}

/** A whole cluster. What is not set is zero: no backing file, encryption, snapshots, extensions. */
function header({ size, refcountTable, tableClusters, isZstd }: Header): Buffer {
  const bytes = Buffer.alloc(clusterSize);
  bytes.write('QFI\xfb', 0, 'latin1');
  bytes.writeUInt32BE(3, 4);
  bytes.writeUInt32BE(clusterBits, 20);
  bytes.writeBigUInt64BE(BigInt(size), 24);
  bytes.writeUInt32BE(Math.ceil(size / l2Reach), 36);
  bytes.writeBigUInt64BE(BigInt(clusterSize), 40);
  bytes.writeBigUInt64BE(BigInt(refcountTable), 48);
  bytes.writeUInt32BE(tableClusters, 56);
  // Refcounts have 2^4 bits; the header 104 bytes, or 112 where it tells a compression, after which it ends
  // with an empty extension.
  bytes.writeUInt32BE(4, 96);
  bytes.writeUInt32BE(isZstd ? 112 : 104, 100);
  if (isZstd) {
    bytes.writeBigUInt64BE(zstdFeature, 72);
    bytes.writeUInt8(1, 104);
  }
  return bytes;
}
