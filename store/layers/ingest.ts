import { createHash } from 'node:crypto';
import { parseDiffID } from '../digest.ts';
import type { Draft } from '../files/draft.ts';
import type { Limits } from '../limits.ts';
import { createTarReader } from '../tar/reader.ts';
import { createIndexWriter, type IndexText } from './index-text.ts';

/**
 * Copies an uncompressed tar to `draft` while it is hashed and read: one loop, because a chain of
 * streams costs a fifth more. Memory does not grow with the tar, only with the text of its index.
 * @throws StoreError `LAYER_CORRUPT`, `LAYER_LIMIT`, `STORE_FULL`; the reason of `signal`.
 */
export async function takeTar(
  tar: AsyncIterable<Uint8Array>,
  draft: Pick<Draft, 'write'>,
  limits: Limits,
  signal: AbortSignal | undefined,
): Promise<IndexText> {
  const hash = createHash('sha256');
  const index = createIndexWriter();
  const reader = createTarReader(index.add, limits);
  let size = 0;
  for await (const chunk of tar) {
    signal?.throwIfAborted();
    hash.update(chunk);
    reader.push(chunk);
    draft.write(chunk);
    size += chunk.length;
  }
  reader.end();
  return index.end(parseDiffID(`sha256:${hash.digest('hex')}`), size);
}
