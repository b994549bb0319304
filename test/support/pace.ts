import { type Pace, realPace } from '../../src/source/http/patience.ts';

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

/** A pace at which the clock is the real one, and nobody waits. `delays` are the sleeps left out. */
export function hastyPace(): Pace & { readonly delays: readonly number[] } {
  return { ...instantPace(), now: realPace.now };
}
