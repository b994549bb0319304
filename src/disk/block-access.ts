import type { SyncAccess } from '../tree/access.ts';

/** Writes what is stored of a block, from its byte `within` on, into `target`: zeros, which end where it does. */
export type FillBlock = (target: Buffer, block: number, within: number) => void;

/** A disk of `size` bytes in blocks that lie anywhere in a file. `read` throws what `fill` does. */
export function accessOfBlocks(size: number, blockSize: number, fill: FillBlock): SyncAccess {
  return {
    size,
    read(offset, length) {
      const bytes = Buffer.alloc(Math.max(0, Math.min(length, size - offset)));
      for (let done = 0; done < bytes.length; ) {
        const at = offset + done;
        const within = at % blockSize;
        const target = bytes.subarray(done, done + blockSize - within);
        fill(target, Math.floor(at / blockSize), within);
        done += target.length;
      }
      return bytes;
    },
  };
}
