import type { OutputFile } from './output-file.ts';

/*
 * Refcounts of a qcow2 file (QEMU, docs/interop/qcow2.txt, "Host cluster management"): a table of blocks,
 * each with 16 bits for each of its clusters.
 */

/** Counts what lies in each cluster of a file that is being written. Memory is what the counts take in the file. */
export interface Refcounts {
  /** One reference to each cluster that these bytes of the file touch. */
  add(offset: number, length: number): void;
  /** Writes table and blocks from `offset` on, a cluster's beginning, where nothing lies behind. */
  writeAt(file: Pick<OutputFile, 'write'>, offset: number): { readonly tableClusters: number };
}

export function createRefcounts(clusterSize: number): Refcounts {
  const perBlock = clusterSize / 2;
  const perTable = clusterSize / 8;
  const blocks: Buffer[] = [];

  function add(offset: number, length: number): void {
    const last = Math.floor((offset + length - 1) / clusterSize);
    for (let cluster = Math.floor(offset / clusterSize); cluster <= last; cluster += 1) {
      const index = Math.floor(cluster / perBlock);
      blocks[index] ??= Buffer.alloc(clusterSize);
      const at = (cluster % perBlock) * 2;
      blocks[index].writeUInt16BE(blocks[index].readUInt16BE(at) + 1, at);
    }
  }

  return {
    add,

    writeAt(file, offset) {
      const { tableClusters, count } = sizesFor(offset / clusterSize, perBlock, perTable);
      add(offset, (tableClusters + count) * clusterSize);
      const table = Buffer.alloc(tableClusters * clusterSize);
      const first = offset + table.length;
      for (const [index, block] of blocks.entries()) {
        const at = first + index * clusterSize;
        table.writeBigUInt64BE(BigInt(at), index * 8);
        file.write(block, at);
      }
      file.write(table, offset);
      return { tableClusters };
    },
  };
}

/** Refcounts count their own clusters too. */
function sizesFor(
  clusters: number,
  perBlock: number,
  perTable: number,
): { tableClusters: number; count: number } {
  let count = 1;
  let tableClusters = 1;
  for (;;) {
    const needed = Math.ceil((clusters + tableClusters + count) / perBlock);
    if (needed <= count) return { tableClusters, count };
    count = needed;
    tableClusters = Math.ceil(count / perTable);
  }
}
