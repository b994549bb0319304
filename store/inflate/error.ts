import { StoreError } from '../error.ts';

/** `LAYER_CORRUPT`: the compressed stream does not decode. `position` counts compressed bytes. */
export function corruptStream(format: string, position: number, cause: unknown): StoreError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new StoreError(
    'LAYER_CORRUPT',
    `inflating the layer near byte ${position}: found ${reason}, wanted a complete ${format} stream`,
    { cause, hint: 'the layer was built this way; rebuild the image' },
  );
}
