import { setTimeout as sleep } from 'node:timers/promises';
import type { SourceEvent } from '../source.ts';
import type { Failure } from './failure.ts';

/** How often and how long to try. Times in milliseconds. */
export interface RetryPolicy {
  /** Tries without progress, the first included. */
  readonly tries: number;
  readonly firstDelay: number;
  readonly longestDelay: number;
  /** All waiting together between two points of progress; a Retry-After above it is not waited for. */
  readonly budget: number;
}

export const defaultRetryPolicy: RetryPolicy = {
  tries: 3,
  firstDelay: 500,
  longestDelay: 15_000,
  budget: 60_000,
};

/** Time and chance, to be replaced where neither is wanted. */
export interface Pace {
  /** Milliseconds since 1970. */
  now(): number;
  /** 0 to below 1. */
  random(): number;
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

export const realPace: Pace = {
  now: Date.now,
  random: Math.random,
  async sleep(milliseconds, signal) {
    await sleep(milliseconds, undefined, signal && { signal });
  },
};

/** What is left of the tries for one thing that is wanted. */
export interface Patience {
  /** Waits before the next try. @throws the failure's error when there is to be none. */
  again(failure: Failure, signal?: AbortSignal): Promise<void>;
  /** Progress was made: tries and budget begin anew. */
  renew(): void;
}

/**
 * Doubles the delay at each failure and takes a random half of it off, so that clients that failed
 * together do not come back together; a Retry-After is waited out to the full, within the budget.
 */
export function createPatience(
  policy: RetryPolicy,
  pace: Pace,
  onEvent?: (event: SourceEvent) => void,
): Patience {
  let failures = 0;
  let waited = 0;
  return {
    async again({ error, transient, retryAfter = 0 }, signal) {
      failures += 1;
      const ceiling = Math.min(policy.firstDelay * 2 ** (failures - 1), policy.longestDelay);
      const delay = Math.max(Math.round(ceiling * (0.5 + pace.random() / 2)), retryAfter);
      if (!transient || failures >= policy.tries || waited + delay > policy.budget) {
        throw error;
      }
      waited += delay;
      onEvent?.({ event: 'request-retried', reason: error.message, delay });
      await pace.sleep(delay, signal).catch((reason: unknown) => {
        signal?.throwIfAborted();
        throw reason;
      });
    },
    renew() {
      failures = 0;
      waited = 0;
    },
  };
}

/** Milliseconds of a Retry-After: seconds or an HTTP date (RFC 9110 section 10.2.3). */
export function parseRetryAfter(text: string | undefined, now: number): number | undefined {
  if (text === undefined) {
    return undefined;
  }
  const seconds = /^\s*(\d{1,9})\s*$/.exec(text)?.[1];
  if (seconds !== undefined) {
    return Number(seconds) * 1000;
  }
  const date = /GMT\s*$/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
