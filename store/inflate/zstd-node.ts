import { pipeline, Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { corruptStream } from './error.ts';
import { isZlibError, streamOptions } from './zlib-stream.ts';

/**
 * Node's own zstd is fit for layers from 26 on: before, it loses every frame after the first and
 * takes a cut-off stream for a complete one (nodejs/node#64741).
 */
export const nodeInflatesZstd = Number.parseInt(process.versions.node, 10) >= 26;

/** `ZSTD_d_windowLogMax` (zstd.h). */
const windowLogMax = 100;

/** @throws StoreError `LAYER_CORRUPT`. */
export async function* inflateWithNode(
  source: AsyncIterable<Uint8Array>,
  windowLog: number,
): AsyncGenerator<Uint8Array, void> {
  const inflater = createInflater(windowLog);
  pipeline(source, inflater, () => {});
  try {
    yield* inflater;
  } catch (error) {
    throw isZlibError(error) ? corruptStream('zstd', 0, error) : error;
  }
}

function createInflater(windowLog: number): Transform {
  // The types are those of the oldest Node supported, which has no such function.
  const create: unknown = Reflect.get(zlib, 'createZstdDecompress');
  const options = { ...streamOptions, params: { [windowLogMax]: windowLog } };
  const inflater: unknown = typeof create === 'function' ? create(options) : undefined;
  if (!(inflater instanceof Transform)) {
    throw new TypeError('node:zlib has no zstd here');
  }
  return inflater;
}
