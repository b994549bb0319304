import type { Pace } from '../../src/source/http/patience.ts';

/** A pace at which nothing takes time: sleeping moves the clock. `delays` are the sleeps so far. */
export function instantPace(): Pace & { readonly delays: readonly number[] } {
  const delays: number[] = [];
  let clock = 0;
  return {
    delays,
    now: () => clock,
    random: () => 0.5,
    async sleep(milliseconds, signal) {
      signal?.throwIfAborted();
      delays.push(milliseconds);
      clock += milliseconds;
    },
  };
}
