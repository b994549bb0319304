import { createHash } from 'node:crypto';
import { nonZeroUnits } from './runs.ts';
import type { Piece } from './segment.ts';

/** What tells a disk from others, for formats that want it to have an id: the same disk has the same. */
export interface Identity {
  add(piece: Piece): void;
  /** A UUID made of a digest (RFC 9562, version 8), 16 bytes as the text has them. */
  uuid(): Buffer;
}

const unit = 65_536;

/** Of a disk of `size` bytes; of its zeros nothing is hashed but where they are. */
export function createIdentity(size: number): Identity {
  const hash = createHash('sha256').update(`osv-convert disk of ${size} bytes\n`);
  return {
    add({ offset, bytes }) {
      const place = Buffer.alloc(8);
      for (const { start, bytes: used } of nonZeroUnits(bytes, unit)) {
        place.writeBigUInt64BE(BigInt(offset + start));
        hash.update(place).update(used);
      }
    },
    uuid() {
      const bytes = hash.digest().subarray(0, 16);
      bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
      bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
      return bytes;
    },
  };
}
