import { constants, crc32 } from 'node:zlib';
import { deflatePack } from './deflate.ts';

/** One member of gzip (RFC 1952), compressed in parts that several threads make at once. */
export interface GzipOutput {
  /** `bytes` may change once what it returns is done. */
  write(bytes: Buffer): Promise<void>;
  end(): void;
}

/** Deflate, no name, no time, an unknown system. */
const header = Buffer.from('1f8b08000000000000ff', 'hex');
/** A last block of deflate (RFC 1951) with nothing in it. */
const lastBlock = Buffer.from('0300', 'hex');
/** A part cannot refer back to the one before: large enough that this costs nothing that counts. */
const partSize = 1 << 18;

/** Each part ends at a whole byte, and none is the last of its stream, so that others can follow. */
const pack = deflatePack({ finishFlush: constants.Z_FULL_FLUSH, memLevel: 9 });

export function openGzip(append: (bytes: Uint8Array) => void): GzipOutput {
  let sum = 0;
  let size = 0;
  append(header);
  return {
    async write(bytes) {
      sum = crc32(bytes, sum);
      size += bytes.length;
      const parts: Buffer[] = [];
      for (let at = 0; at < bytes.length; at += partSize)
        parts.push(bytes.subarray(at, at + partSize));
      for (const packed of await pack(parts)) append(packed);
    },
    end() {
      const trailer = Buffer.alloc(8);
      trailer.writeUInt32LE(sum, 0);
      trailer.writeUInt32LE(size % 2 ** 32, 4);
      append(lastBlock);
      append(trailer);
    },
  };
}
