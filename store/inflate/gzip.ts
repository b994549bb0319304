import { pipeline, type TransformOptions } from 'node:stream';
import { createGunzip, type ZlibOptions } from 'node:zlib';
import { corruptStream } from './error.ts';

/**
 * Inflates gzip (RFC 1952), members one after the other included.
 * @throws StoreError `LAYER_CORRUPT`.
 */
export async function* inflateGzip(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  const gunzip = createGunzip(streamOptions);
  // Failures of the source and of gunzip both surface in the loop below.
  pipeline(source, gunzip, () => {});
  try {
    yield* gunzip;
  } catch (error) {
    throw isZlibError(error) ? corruptStream('gzip', gunzip.bytesWritten, error) : error;
  }
}

/**
 * Room for several chunks of output lets zlib's thread inflate while the consumer hashes; the
 * default of 16 KiB makes the two take turns.
 */
export const streamOptions: ZlibOptions & TransformOptions = {
  chunkSize: 2 ** 20,
  readableHighWaterMark: 2 ** 22,
};

export function isZlibError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^(Z_|ZSTD_)/.test(String(error.code));
}
