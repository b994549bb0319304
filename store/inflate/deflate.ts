import type { Buffer } from 'node:buffer';
import { createInflateRaw, type InflateRaw, inflateRawSync } from 'node:zlib';
import { corruptStream } from './error.ts';
import type { Input } from './input.ts';
import { isZlibError, streamOptions } from './zlib-stream.ts';

/**
 * Inflates the deflate data (RFC 1951) that come next, and takes no byte behind their end.
 * @throws StoreError `LAYER_CORRUPT`.
 */
export async function* inflateBody(input: Input): AsyncGenerator<Uint8Array, void> {
  const chunk = await input.chunk();
  const short = chunk && inflateShort(chunk);
  if (short !== undefined) {
    input.unread(short.rest);
    yield short.bytes;
    return;
  }
  if (chunk !== undefined) input.unread(chunk);
  const engine = createInflateRaw(streamOptions);
  const feeding = feed(engine, input);
  feeding.catch((error: unknown) => engine.destroy(error instanceof Error ? error : undefined));
  try {
    yield* engine;
    await feeding;
  } catch (error) {
    throw isZlibError(error) ? corruptStream('gzip', input.position(), error) : error;
  }
}

/** Until the data end, or the input does, which is for the engine to complain of. */
async function feed(engine: InflateRaw, input: Input): Promise<void> {
  for (;;) {
    const chunk = await input.chunk();
    if (chunk === undefined) {
      engine.end();
      return;
    }
    const before = engine.bytesWritten;
    await new Promise<void>((done, failed) => {
      engine.write(chunk, (error) => (error ? failed(error) : done()));
    });
    const used = engine.bytesWritten - before;
    if (used < chunk.length) {
      input.unread(chunk.subarray(used));
      return;
    }
  }
}

const shortOutput = 2 ** 17;

/**
 * Data that are whole in `chunk` and short, in one call. In eStargz each file is a member of its own,
 * and a stream for each would cost several times what inflating it does.
 * @returns undefined for any other data, corrupt ones too.
 */
function inflateShort(chunk: Uint8Array): { bytes: Uint8Array; rest: Uint8Array } | undefined {
  let found: unknown;
  try {
    found = inflateRawSync(chunk, { info: true, maxOutputLength: shortOutput });
  } catch {
    return undefined;
  }
  // With `info` it is not what the types say.
  const { buffer, engine } = Object(found) as { buffer: Buffer; engine: InflateRaw };
  return { bytes: buffer, rest: chunk.subarray(engine.bytesWritten) };
}
