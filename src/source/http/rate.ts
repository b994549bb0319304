import type { Pace } from './patience.ts';

/** Lets bytes through at a rate that all who share it have together. */
export type Limiter = (
  chunks: AsyncIterable<Uint8Array>,
  signal?: AbortSignal,
) => AsyncIterable<Uint8Array>;

/** Milliseconds that pass at full speed before it is slowed down: timers are coarse. */
const slack = 50;

/**
 * Each chunk moves the time at which the line is free again; who comes sooner waits. A quiet line saves
 * nothing up. Without a rate everything passes as it is.
 */
export function createLimiter(bytesPerSecond: number | undefined, pace: Pace): Limiter {
  if (bytesPerSecond === undefined) {
    return (chunks) => chunks;
  }
  let free = 0;
  return async function* limit(chunks, signal) {
    for await (const chunk of chunks) {
      yield chunk;
      const now = pace.now();
      free = Math.max(free, now) + (chunk.byteLength / bytesPerSecond) * 1000;
      if (free - now > slack) {
        await pace.sleep(free - now, signal);
      }
    }
  };
}
