import { createHash, hash } from 'node:crypto';
import type { Digest } from '../digest.ts';
import { parseDigest } from '../digest.ts';
import type { Extent } from '../entry.ts';

/** Takes a file's stored bytes in order and gives the digest of the file, holes included. */
export interface ContentDigest {
  update(bytes: Uint8Array): void;
  digest(): Digest;
}

/** For a file without holes. One that comes in one piece, as most do, is hashed in one call. */
export function createPlainDigest(size: number): ContentDigest {
  let whole: string | undefined;
  let running: ReturnType<typeof createHash> | undefined;
  return {
    update(bytes) {
      if (bytes.length === size) {
        whole = hash('sha256', bytes, 'hex');
      } else {
        running ??= createHash('sha256');
        running.update(bytes);
      }
    },
    digest: () => parseDigest(`sha256:${whole ?? (running ?? createHash('sha256')).digest('hex')}`),
  };
}

export function createSparseDigest(size: number, extents: readonly Extent[]): ContentDigest {
  const running = createHash('sha256');
  let position = 0;
  let next = 0;
  const zerosUntil = (end: number) => {
    for (; position < end; position += Math.min(zeros.length, end - position)) {
      running.update(zeros.subarray(0, end - position));
    }
  };
  return {
    update(bytes) {
      let at = 0;
      for (let extent = extents[next]; extent !== undefined; extent = extents[next]) {
        zerosUntil(extent.position);
        const left = extent.position + extent.length - position;
        const part = bytes.subarray(at, at + left);
        running.update(part);
        position += part.length;
        at += part.length;
        if (part.length < left) {
          return;
        }
        next += 1;
      }
    },
    digest() {
      zerosUntil(size);
      return parseDigest(`sha256:${running.digest('hex')}`);
    },
  };
}

const zeros = new Uint8Array(2 ** 18);
