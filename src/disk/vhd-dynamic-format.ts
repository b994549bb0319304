import { footerSize, nowhere, sumOf, version } from './vhd-footer.ts';

/*
 * A dynamic VHD (Microsoft, Virtual Hard Disk Image Format Specification, "Dynamic Disk Header Format", "Block
 * Allocation Table and Data Blocks"), all integers big-endian, all places in sectors of 512 bytes:
 *
 *     sector 0        the footer, as at the end
 *     sector 1        the header
 *     sector 3        a table with 32 bits for each block of the disk, 2 MiB: where it is stored
 *     then            those that are not zero, each behind its map: a bit for each sector, set in those written
 *     at the end      the footer
 */

export const sectorSize = 512;
export const headerSize = 1024;
/** The one that the specification calls the default. */
export const blockSize = 1 << 21;
export const tableOffset = footerSize + headerSize;
/** In the table: nothing is stored, and zeros are read. */
export const unallocated = 0xffff_ffff;

const cookie = 'cxsparse';
export const headerSumOffset = 36;

export function formatHeader(blocks: number): Buffer {
  const bytes = Buffer.alloc(headerSize);
  bytes.write(cookie, 0, 'latin1');
  bytes.writeBigUInt64BE(nowhere, 8);
  bytes.writeBigUInt64BE(BigInt(tableOffset), 16);
  bytes.writeUInt32BE(version, 24);
  bytes.writeUInt32BE(blocks, 28);
  bytes.writeUInt32BE(blockSize, 32);
  bytes.writeUInt32BE(sumOf(bytes, headerSumOffset), headerSumOffset);
  return bytes;
}

/** What is needed of a header to read the disk. */
export interface DynamicHeader {
  readonly version: number;
  /** In bytes, within the file. */
  readonly tableOffset: number;
  readonly entries: number;
  /** In bytes. */
  readonly blockSize: number;
}

/** Undefined for what is no header. Nothing else is checked. */
export function parseHeader(bytes: Buffer): DynamicHeader | undefined {
  if (bytes.length < headerSize || bytes.toString('latin1', 0, cookie.length) !== cookie) {
    return undefined;
  }
  return {
    tableOffset: Number(bytes.readBigUInt64BE(16)),
    version: bytes.readUInt32BE(24),
    entries: bytes.readUInt32BE(28),
    blockSize: bytes.readUInt32BE(32),
  };
}

/** Bytes of the map of a block: whole sectors. */
export function mapSizeOf(blockSize: number): number {
  return Math.ceil(blockSize / sectorSize / 8 / sectorSize) * sectorSize;
}
