import { createHash } from 'node:crypto';
import type { Digest } from '../../store/index.ts';
import { ConvertError } from '../error.ts';
import type { Source, SourceCallOptions } from '../source/source.ts';
import type { OutgoingBlob } from '../target/layout.ts';
import type { Document } from './documents.ts';

/**
 * Documents and all they lead to in `source`, what is led to before what leads there. The others are
 * read when they are opened, and verified as they are read.
 * @throws from the blobs ConvertError `DIGEST_MISMATCH` and the codes of sources.
 */
export function outgoingBlobs(
  source: Source,
  documents: readonly Document[],
  options: SourceCallOptions = {},
): readonly OutgoingBlob[] {
  const found = new Map<Digest, OutgoingBlob>();
  for (const { descriptor, bytes, links } of documents) {
    for (const blob of links.blobs) {
      const { digest, size } = blob;
      const open = () => verified(source.fetch(blob, options), digest);
      found.set(digest, { digest, size, open });
    }
    const { digest, size } = descriptor;
    found.set(digest, { digest, size, open: () => once(bytes) });
  }
  return [...found.values()];
}

/** The same bytes; an error after the last of them voids what was read. */
async function* verified(
  bytes: AsyncIterable<Uint8Array>,
  wanted: Digest,
): AsyncGenerator<Uint8Array, void> {
  const hash = createHash('sha256');
  for await (const chunk of bytes) {
    hash.update(chunk);
    yield chunk;
  }
  const found = `sha256:${hash.digest('hex')}`;
  if (found !== wanted) {
    throw new ConvertError(
      'DIGEST_MISMATCH',
      `copying ${wanted}: found bytes of digest ${found}, wanted those of the name`,
    );
  }
}

export async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void> {
  yield bytes;
}
