import type { SyncAccess } from '../tree/access.ts';
import { invalidDisk } from './disk-error.ts';
import { vhdGeometryOf } from './geometry.ts';

/*
 * What every VHD ends in, and a dynamic one begins with as well (Microsoft, Virtual Hard Disk Image Format
 * Specification, "Hard Disk Footer Format"), all integers big-endian.
 */

export const footerSize = 512;
export const kinds = { fixed: 2, dynamic: 3 } as const;
/** Where a header would be, of what has none. */
export const nowhere = 0xffff_ffff_ffff_ffffn;
export const version = 0x1_0000;

const cookie = 'conectix';
const reserved = 2;
const sumOffset = 64;

/** `headerOffset` is where the header of a dynamic one lies in the file. */
export interface FooterFields {
  /** Of the disk, in bytes. */
  readonly size: number;
  readonly kind: number;
  readonly headerOffset: bigint;
}

/** The time in it is the first one there is, that of all its kind being the same. */
export function formatFooter({ size, kind, headerOffset }: FooterFields, uuid: Buffer): Buffer {
  const { cylinders, heads, sectors } = vhdGeometryOf(size);
  const bytes = Buffer.alloc(footerSize);
  bytes.write(cookie, 0, 'latin1');
  bytes.writeUInt32BE(reserved, 8);
  bytes.writeUInt32BE(version, 12);
  bytes.writeBigUInt64BE(headerOffset, 16);
  // Of unknown makers QEMU believes the geometry, which is less than the disk (block/vpc.c); of Hyper-V the size.
  bytes.write('win ', 28, 'latin1');
  bytes.writeUInt32BE(0x000a_0000, 32);
  bytes.write('Wi2k', 36, 'latin1');
  bytes.writeBigUInt64BE(BigInt(size), 40);
  bytes.writeBigUInt64BE(BigInt(size), 48);
  bytes.writeUInt16BE(cylinders, 56);
  bytes.writeUInt8(heads, 58);
  bytes.writeUInt8(sectors, 59);
  bytes.writeUInt32BE(kind, 60);
  uuid.copy(bytes, 68);
  bytes.writeUInt32BE(sumOf(bytes, sumOffset), sumOffset);
  return bytes;
}

/** Whether a footer begins at `offset` of a file. */
export function hasFooterAt(file: SyncAccess, offset: number): boolean {
  return offset >= 0 && startsWithCookie(file.read(offset, cookie.length));
}

/** The footer at `offset` of a file. @throws ConvertError `DISK_INVALID`. */
export function readFooter(file: SyncAccess, path: string, offset: number): FooterFields {
  const bytes = Buffer.from(file.read(Math.max(0, offset), footerSize));
  if (bytes.length < footerSize || !startsWithCookie(bytes)) {
    const found = `no footer of a VHD at byte ${Math.max(0, offset)}`;
    throw invalidDisk(path, found, `one, ${footerSize} bytes long`);
  }
  requireSum(bytes, sumOffset, path, 'a footer');
  return {
    size: Number(bytes.readBigUInt64BE(48)),
    kind: bytes.readUInt32BE(60),
    headerOffset: bytes.readBigUInt64BE(16),
  };
}

/** @throws ConvertError `DISK_INVALID` where a structure has another sum than the one it tells at `offset`. */
export function requireSum(bytes: Buffer, offset: number, path: string, what: string): void {
  const [found, sum] = [bytes.readUInt32BE(offset), sumOf(bytes, offset)];
  if (found !== sum) throw invalidDisk(path, `${what} with the sum ${found}`, `${sum}`);
}

/** One's complement of the sum of all bytes but those of the sum, which are at `offset`. */
export function sumOf(bytes: Uint8Array, offset: number): number {
  const sum = bytes.reduce(
    (all, byte, at) => (at >= offset && at < offset + 4 ? all : all + byte),
    0,
  );
  return ~sum >>> 0;
}

function startsWithCookie(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.subarray(0, cookie.length)).toString('latin1') === cookie;
}
