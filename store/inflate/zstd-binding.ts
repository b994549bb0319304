import { corruptStream } from './error.ts';

const outputSize = 2 ** 18;

/**
 * Inflates zstd with the optional package zstd-napi: any number of frames, skippable ones too, in
 * bounded memory: two to the power `windowLog` and little more. Each chunk given out is overwritten by the next.
 * @throws StoreError `LAYER_CORRUPT`.
 */
export async function* inflateWithBinding(
  source: AsyncIterable<Uint8Array>,
  windowLog: number,
): AsyncGenerator<Uint8Array, void> {
  const { DCtx, DParameter } = await loadBinding();
  const context = new DCtx();
  context.setParameter(DParameter.windowLogMax, windowLog);
  const output = new Uint8Array(outputSize);
  let position = 0;
  /** What zstd still expects of the frame it is in: 0 between frames. */
  let expected = 0;
  const step = (input: Uint8Array) => {
    try {
      return context.decompressStream(output, input);
    } catch (error) {
      throw corruptStream('zstd', position, error);
    }
  };
  for await (const chunk of source) {
    let input = chunk;
    let flushed = true;
    while (input.length > 0 || !flushed) {
      const [result, produced, consumed] = step(input);
      expected = result;
      position += consumed;
      input = input.subarray(consumed);
      // Inside a frame a full output may hide more behind it, even when all input is gone.
      flushed = result === 0 || produced < output.length;
      if (produced > 0) {
        yield output.subarray(0, produced);
      }
    }
  }
  if (expected !== 0) {
    throw corruptStream('zstd', position, 'the end in the middle of a frame');
  }
}

/** @throws when the package is not installed, or was installed without its compiled half. */
export async function loadBinding(): Promise<typeof import('zstd-napi/binding.js')> {
  const { default: binding } = await import('zstd-napi/binding.js');
  return binding;
}
