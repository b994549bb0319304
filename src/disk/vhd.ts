import { vhdGeometryOf } from './geometry.ts';
import { createIdentity } from './identity.ts';
import type { ImageWriter } from './image-writer.ts';
import type { OutputFile } from './output-file.ts';
import { openRaw } from './raw.ts';

/*
 * A fixed VHD (Microsoft, Virtual Hard Disk Image Format Specification): the bytes of the disk, and behind them
 * a footer of 512 bytes, all integers big-endian.
 */

export const footerSize = 512;
export const cookie = 'conectix';
export const fixed = 2;

const reserved = 2;
const version = 0x1_0000;
const noOffset = 0xffff_ffff_ffff_ffffn;

/** `size` is a multiple of 1 MiB, as Azure wants it. Runs of zeros become holes where the file system can. */
export function openVhd(file: OutputFile, size: number): ImageWriter {
  const raw = openRaw(file, size);
  const identity = createIdentity(size);
  return {
    async write(piece) {
      identity.add(piece);
      await raw.write(piece);
    },
    async finish() {
      await raw.finish();
      file.write(formatFooter(size, identity.uuid()), size);
    },
  };
}

/** The time in it is the first one there is, that of all its kind being the same. */
function formatFooter(size: number, uuid: Buffer): Buffer {
  const { cylinders, heads, sectors } = vhdGeometryOf(size);
  const bytes = Buffer.alloc(footerSize);
  bytes.write(cookie, 0, 'latin1');
  bytes.writeUInt32BE(reserved, 8);
  bytes.writeUInt32BE(version, 12);
  bytes.writeBigUInt64BE(noOffset, 16);
  // Of unknown makers QEMU believes the geometry, which is less than the disk (block/vpc.c); of Hyper-V the size.
  bytes.write('win ', 28, 'latin1');
  bytes.writeUInt32BE(0x000a_0000, 32);
  bytes.write('Wi2k', 36, 'latin1');
  bytes.writeBigUInt64BE(BigInt(size), 40);
  bytes.writeBigUInt64BE(BigInt(size), 48);
  bytes.writeUInt16BE(cylinders, 56);
  bytes.writeUInt8(heads, 58);
  bytes.writeUInt8(sectors, 59);
  bytes.writeUInt32BE(fixed, 60);
  uuid.copy(bytes, 68);
  bytes.writeUInt32BE(footerSum(bytes), 64);
  return bytes;
}

/** One's complement of the sum of all bytes but those of the sum. */
export function footerSum(footer: Uint8Array): number {
  const sum = footer.reduce((all, byte, at) => (at >= 64 && at < 68 ? all : all + byte), 0);
  return ~sum >>> 0;
}
