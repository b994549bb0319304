import { StoreError } from '../error.ts';
import { type Limits, overLimit } from '../limits.ts';

/** `LAYER_CORRUPT`, with the position in the uncompressed tar where the offending member begins. */
export function corruptTar(position: number, found: string, wanted: string): StoreError {
  return new StoreError(
    'LAYER_CORRUPT',
    `reading the tar at byte ${position}: found ${found}, wanted ${wanted}`,
    { hint: 'the layer was built this way; rebuild the image' },
  );
}

/** `LAYER_LIMIT`: the tar may be well formed, but reading on would cost too much. */
export function tarOverLimit(
  position: number,
  found: string,
  limits: Limits,
  name: keyof Limits,
  needed?: number,
): StoreError {
  return overLimit(`reading the tar at byte ${position}`, found, limits, name, needed);
}
