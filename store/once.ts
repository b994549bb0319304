import { setTimeout as delay } from 'node:timers/promises';
import { storing } from './io-error.ts';
import { tryLock } from './lock.ts';

export interface OnceOptions {
  /** The lock under which the work is done. */
  readonly lease: string;
  /** Whether the work is done, by whomever. */
  readonly isDone: () => Promise<boolean>;
  readonly signal: AbortSignal;
  /** Called at each turn of waiting for another process. */
  readonly onWait?: () => Promise<void>;
}

/** Milliseconds between two looks at the work of another process, at least; at most twice that. */
const pace = 50;

/**
 * Does `work` unless it is done, and no process does it while another is at it: others wait as long
 * as that one lives, and whoever of them comes first takes over when it died or failed.
 */
export async function once(
  work: () => Promise<void>,
  { lease, isDone, signal, onWait }: OnceOptions,
): Promise<void> {
  while (!(await isDone())) {
    signal.throwIfAborted();
    const lock = await storing(lease, () => tryLock(lease));
    if (lock !== undefined) {
      try {
        if (!(await isDone())) await work();
        return;
      } finally {
        await storing(lease, () => lock.release());
      }
    }
    await onWait?.();
    await delay(pace * (1 + Math.random()), undefined, { signal }).catch(() => undefined);
  }
}
