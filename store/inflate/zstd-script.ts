import { Decompress } from 'fzstd';
import { corruptStream } from './error.ts';

/** A block of 4 bytes can stand for 128 KiB, so that little is fed at a time. */
const inputSize = 2048;

/**
 * Inflates with the package fzstd, in plain JavaScript: correct, several times slower than the
 * others. It checks no sums: the digest of the layer has the last word. It knows no limit of the
 * window, and takes memory for it when a frame begins: whoever calls it has looked before.
 * @throws StoreError `LAYER_CORRUPT`.
 */
export async function* inflateWithScript(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  let produced: Uint8Array[] = [];
  const decompress = new Decompress((chunk) => {
    produced.push(chunk);
  });
  let position = 0;
  const push = (input: Uint8Array, last: boolean): readonly Uint8Array[] => {
    produced = [];
    try {
      decompress.push(input, last);
    } catch (error) {
      throw corruptStream('zstd', position, error);
    }
    position += input.length;
    return produced;
  };
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; at += inputSize) {
      yield* push(chunk.subarray(at, at + inputSize), false);
    }
  }
  yield* push(new Uint8Array(), true);
}
