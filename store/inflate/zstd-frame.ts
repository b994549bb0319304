import { loadBinding } from './zstd-binding.ts';

/**
 * Inflates the zstd frame that `bytes` begin with, up to `size` bytes: fewer come of a frame that has
 * fewer, or is cut off. What follows the frame is not looked at.
 * @throws Error for bytes that are none.
 */
export type InflateFrame = (bytes: Uint8Array, size: number) => Uint8Array;

/** For frames that are small and read at once. Undefined where the optional package zstd-napi is missing. */
export async function loadInflateFrame(): Promise<InflateFrame | undefined> {
  const binding = await loadBinding().catch(() => undefined);
  if (binding === undefined) return undefined;
  const { DCtx, ResetDirective } = binding;
  const context = new DCtx();
  return (bytes, size) => {
    context.reset(ResetDirective.sessionOnly);
    const output = new Uint8Array(size);
    let input = bytes;
    let done = 0;
    for (;;) {
      const [expected, produced, consumed] = context.decompressStream(output.subarray(done), input);
      done += produced;
      input = input.subarray(consumed);
      if (expected === 0 || done === size || (produced === 0 && consumed === 0)) break;
    }
    return output.subarray(0, done);
  };
}

/** A frame of zstd that holds `bytes`, at the level that zstd takes by default. */
export type PackFrame = (bytes: Uint8Array) => Uint8Array;

/** For frames that are small and made at once. Undefined where the optional package zstd-napi is missing. */
export async function loadPackFrame(): Promise<PackFrame | undefined> {
  const binding = await loadBinding().catch(() => undefined);
  if (binding === undefined) return undefined;
  const { CCtx, compressBound } = binding;
  const context = new CCtx();
  return (bytes) => {
    const output = new Uint8Array(compressBound(bytes.length));
    return output.subarray(0, context.compress(output, bytes, defaultLevel));
  };
}

/** `ZSTD_CLEVEL_DEFAULT` (zstd.h). */
const defaultLevel = 3;
