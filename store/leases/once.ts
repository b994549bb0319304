import { setTimeout as delay } from 'node:timers/promises';
import type { Files } from '../files/files.ts';
import { tryLock } from './lock.ts';

export interface OnceOptions {
  readonly files: Files;
  /** The lock under which the work is done. */
  readonly lease: string;
  /** Whether the work is done, by whomever. */
  readonly isDone: () => boolean;
  /** Makes the work of another durable. */
  readonly settle?: () => Promise<void>;
  readonly signal: AbortSignal;
  /** Called at each turn of waiting for another process. */
  readonly onWait?: () => void;
}

/** Milliseconds between two looks at the work of another process, at least; at most twice that. */
const pace = 50;

/**
 * Does `work` unless it is done, and no process does it while another is at it: others wait as long
 * as that one lives, and whoever of them comes first takes over when it died or failed.
 */
export async function once(
  work: () => Promise<void>,
  { files, lease, isDone, settle, signal, onWait }: OnceOptions,
): Promise<void> {
  while (!isDone()) {
    signal.throwIfAborted();
    const lock = await tryLock(files, lease);
    if (lock !== undefined) {
      try {
        if (isDone()) await settle?.();
        else await work();
        return;
      } finally {
        await lock.release();
      }
    }
    onWait?.();
    await delay(pace * (1 + Math.random()), undefined, { signal }).catch(() => undefined);
  }
  await settle?.();
}
