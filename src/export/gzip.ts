import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';

/** Compresses a stream. Equal input gives equal bytes with one version of zlib (Node brings its own). */
export async function* gzipped(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  const gzip = createGzip();
  const fed = pipeline(bytes, gzip);
  // Its failure is that of `gzip`, which is met below.
  fed.catch(() => undefined);
  try {
    yield* gzip;
  } finally {
    gzip.destroy();
  }
}
