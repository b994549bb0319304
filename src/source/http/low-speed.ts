import type { Pace } from './patience.ts';

/** From when on a body that keeps coming counts as broken all the same. */
export interface LowSpeed {
  /** Bytes per second that a body must bring at least. */
  readonly limit: number;
  /** Milliseconds over which they are counted. */
  readonly time: number;
}

/** Four layers at once over a modem of 14 kbit/s pass; a body of a MiB takes about an hour at most. */
export const defaultLowSpeed: LowSpeed = { limit: 256, time: 60_000 };

/** A body came too slowly. The message goes on after the action that failed. */
export class LowSpeedError extends Error {
  constructor(received: number, waited: number, { limit }: LowSpeed) {
    super(
      `found ${received} bytes in ${Math.round(waited / 1000)} s, wanted at least ${limit} a second`,
    );
    this.name = 'LowSpeedError';
  }
}

/**
 * The chunks as they are, while enough of them come (the rule of curl's `--speed-limit` and
 * `--speed-time`). Only the time spent waiting for the sender counts: who takes them slowly, such as
 * a limit of the rate, does no harm. Silence is not noticed here but by the timeout between chunks.
 * @throws LowSpeedError
 */
export async function* refuseTrickle(
  chunks: AsyncIterable<Uint8Array>,
  lowSpeed: LowSpeed,
  pace: Pace,
): AsyncGenerator<Uint8Array, void, undefined> {
  let waited = 0;
  let received = 0;
  let asked = pace.now();
  for await (const chunk of chunks) {
    // Not before more has come: a body that is complete is fast enough.
    if (waited >= lowSpeed.time) {
      if (received < (lowSpeed.limit * waited) / 1000) {
        throw new LowSpeedError(received, waited, lowSpeed);
      }
      waited = 0;
      received = 0;
    }
    // Clocks are set back at times.
    waited += Math.max(0, pace.now() - asked);
    received += chunk.byteLength;
    yield chunk;
    asked = pace.now();
  }
}
