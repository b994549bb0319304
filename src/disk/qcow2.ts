import type { ImageWriter } from './image-writer.ts';
import type { OutputFile } from './output-file.ts';
import { nonZeroRuns } from './runs.ts';

/*
 * QCOW2 version 3 (QEMU, docs/interop/qcow2.txt), all integers big-endian:
 *
 *     cluster 0       header
 *     then            the L1 table, of L2 tables
 *     then            per 512 MiB of the disk: an L2 table, and the data clusters it points to
 *     at the end      the refcount table, the refcount blocks
 *
 * Places depend on nothing but which clusters of the disk are zero.
 */

const clusterBits = 16;
const clusterSize = 1 << clusterBits;
const entriesPerTable = clusterSize / 8;
const refcountsPerBlock = clusterSize / 2;
/** Bytes of the disk under one L2 table. */
const l2Reach = entriesPerTable * clusterSize;
/** The refcount of the cluster an entry points to is exactly one. */
const copied = 1n << 63n;

/** All-zero clusters are not stored. Memory is one L2 table and the L1 table, 2 KiB for each 128 GiB. */
export function openQcow2(file: OutputFile, size: number): ImageWriter {
  const l1 = Buffer.alloc(clustersFor(Math.ceil(size / l2Reach) * 8) * clusterSize);
  const l2 = Buffer.alloc(clusterSize);
  /** The L2 table being filled and its cluster; cluster 0 is the header, so here it means none. */
  let l2Index = 0;
  let l2Cluster = 0;
  let next = 1 + l1.length / clusterSize;

  function flushL2(): void {
    if (l2Cluster > 0) file.write(l2, l2Cluster * clusterSize);
  }

  /** Pieces lie inside the reach of one table, for that is a multiple of their size. */
  function useL2(index: number): void {
    if (l2Cluster > 0 && index === l2Index) return;
    flushL2();
    l2.fill(0);
    l2Index = index;
    l2Cluster = next;
    next += 1;
    putPointer(l1, l2Index, l2Cluster);
  }

  return {
    write({ offset, bytes }) {
      for (const { start, end } of nonZeroRuns(bytes, clusterSize)) {
        useL2(Math.floor(offset / l2Reach));
        file.write(bytes.subarray(start, end), next * clusterSize);
        const first = ((offset + start) % l2Reach) / clusterSize;
        for (let i = 0; i < clustersFor(end - start); i += 1) {
          putPointer(l2, first + i, next);
          next += 1;
        }
      }
    },

    finish() {
      flushL2();
      const { tableClusters, blocks } = refcountsFor(next);
      const table = Buffer.alloc(tableClusters * clusterSize);
      const total = next + tableClusters + blocks;
      for (let i = 0; i < blocks; i += 1) {
        const block = next + tableClusters + i;
        table.writeBigUInt64BE(BigInt(block * clusterSize), i * 8);
        file.write(refcountBlock(total - i * refcountsPerBlock), block * clusterSize);
      }
      file.write(table, next * clusterSize);
      file.write(l1, clusterSize);
      file.write(header({ size, refcountTable: next, tableClusters }), 0);
    },
  };
}

function clustersFor(bytes: number): number {
  return Math.ceil(bytes / clusterSize);
}

function putPointer(table: Buffer, index: number, cluster: number): void {
  table.writeBigUInt64BE(BigInt(cluster * clusterSize) | copied, index * 8);
}

/** Refcounts count their own clusters too. */
function refcountsFor(clusters: number): { tableClusters: number; blocks: number } {
  let blocks = 1;
  let tableClusters = 1;
  for (;;) {
    const needed = Math.ceil((clusters + tableClusters + blocks) / refcountsPerBlock);
    if (needed <= blocks) return { tableClusters, blocks };
    blocks = needed;
    tableClusters = Math.ceil(blocks / entriesPerTable);
  }
}

/** One reference each for as many clusters as there are. */
function refcountBlock(clusters: number): Buffer {
  const block = Buffer.alloc(clusterSize);
  for (let i = 0; i < Math.min(clusters, refcountsPerBlock); i += 1) block.writeUInt16BE(1, i * 2);
  return block;
}

interface Header {
  readonly size: number;
  readonly refcountTable: number;
  readonly tableClusters: number;
}

/** A whole cluster. What is not set is zero: no backing file, encryption, snapshots, features, extensions. */
function header({ size, refcountTable, tableClusters }: Header): Buffer {
  const bytes = Buffer.alloc(clusterSize);
  bytes.write('QFI\xfb', 0, 'latin1');
  bytes.writeUInt32BE(3, 4);
  bytes.writeUInt32BE(clusterBits, 20);
  bytes.writeBigUInt64BE(BigInt(size), 24);
  bytes.writeUInt32BE(Math.ceil(size / l2Reach), 36);
  bytes.writeBigUInt64BE(BigInt(clusterSize), 40);
  bytes.writeBigUInt64BE(BigInt(refcountTable * clusterSize), 48);
  bytes.writeUInt32BE(tableClusters, 56);
  // Refcounts have 2^4 bits; the header 104 bytes, after which it ends with an empty extension.
  bytes.writeUInt32BE(4, 96);
  bytes.writeUInt32BE(104, 100);
  return bytes;
}
