import type { SyncAccess } from '../tree/access.ts';
import type { ImageSource } from './output.ts';
import { pieceSize } from './segment.ts';

/** A disk that is there, in pieces; its zeros are read, and left to the writer to find. */
export function imageOf(disk: SyncAccess): ImageSource {
  return {
    size: disk.size,
    *pieces() {
      for (let offset = 0; offset < disk.size; offset += pieceSize) {
        const bytes = disk.read(offset, pieceSize);
        yield { offset, bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
      }
    },
  };
}
