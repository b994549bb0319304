import type { SyncAccess } from '../tree/access.ts';
import { accessOfBlocks } from './block-access.ts';
import { invalidDisk } from './disk-error.ts';
import { readQcow2Header } from './qcow2-header.ts';
import { openInflater } from './qcow2-inflate.ts';

/** Bytes of L2 tables that are kept at hand. One table has at most 2 MiB. */
const cacheSize = 4 * 2 ** 20;

/**
 * The disk in a qcow2 file. Every pointer is checked when it is followed, so that nothing is read
 * beforehand; memory is 4 MiB of tables and one cluster. Snapshots and refcounts are not looked at.
 * @throws ConvertError as `readQcow2Header` and `openInflater`; `read` throws `DISK_INVALID`.
 */
export async function openQcow2Access(file: SyncAccess, path: string): Promise<SyncAccess> {
  const header = readQcow2Header(file, path);
  const { version, clusterSize, size, l1Offset } = header;
  const inflateCluster = await openInflater(file, path, header);
  const perTable = clusterSize / 8;
  /** By their number, the one that was used last at the end. */
  const tables = new Map<number, Buffer>();

  function fill(target: Buffer, cluster: number, within: number): void {
    const table = tableAt(Math.floor(cluster / perTable));
    const entry = table?.readBigUInt64BE((cluster % perTable) * 8) ?? 0n;
    if (isCompressed(entry)) {
      target.set(inflateCluster(entry).subarray(within, within + target.length));
      return;
    }
    if (isZeros(entry)) {
      if (version > 2) return;
      throw invalidDisk(path, `cluster ${cluster} marked as zeros`, 'no such mark in version 2');
    }
    const start = pointerOf(entry);
    if (start === 0) return;
    target.set(readAt(`cluster ${cluster}`, start, target.length, within));
  }

  /** Undefined where nothing is allocated. */
  function tableAt(index: number): Buffer | undefined {
    const table = tables.get(index) ?? readTable(index);
    if (table === undefined) return undefined;
    tables.delete(index);
    tables.set(index, table);
    const [oldest] = tables.keys();
    if (oldest !== undefined && tables.size * clusterSize > cacheSize) tables.delete(oldest);
    return table;
  }

  function readTable(index: number): Buffer | undefined {
    const start = pointerOf(Buffer.from(file.read(l1Offset + index * 8, 8)).readBigUInt64BE());
    return start === 0 ? undefined : readAt(`L2 table ${index}`, start, clusterSize);
  }

  /** `length` bytes from `within` on of the cluster that begins at `start` of the file. */
  function readAt(what: string, start: number, length: number, within = 0): Buffer {
    const end = start + within + length;
    if (start % clusterSize !== 0 || end > file.size) {
      const wanted = `a multiple of ${clusterSize}, and its end within ${file.size} bytes`;
      throw invalidDisk(path, `${what} at byte ${start}`, wanted);
    }
    const bytes = file.read(start + within, length);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  return accessOfBlocks(size, clusterSize, fill);
}

function isCompressed(entry: bigint): boolean {
  return (entry & (1n << 62n)) !== 0n;
}

function isZeros(entry: bigint): boolean {
  return (entry & 1n) !== 0n;
}

/** Bits 9 to 55. What is too large for a number to be exact is larger than any file. */
function pointerOf(entry: bigint): number {
  return Number(entry & 0xff_ffff_ffff_fe00n);
}
