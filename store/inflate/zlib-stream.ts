import type { TransformOptions } from 'node:stream';
import type { ZlibOptions } from 'node:zlib';

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
