import { setTimeout as sleep } from 'node:timers/promises';

/** Times of files are those of the last tick of the kernel's clock, 1 to 10 ms apart. */
const tickMs = 20;

/** FAT keeps even seconds; other file systems keep whole ones. */
const grainMs = 2_000;

/**
 * Ends when every later change of a file that was last changed at one of `times` is sure to give it another
 * time. What changes a file in the tick of its last change leaves its time as it is ("racy git", of git's
 * index): only then it takes time at all, and at most what the file system's clock takes to go on. A time to
 * come is that of another clock, which goes on as ours does.
 * @param times in ms since 1970.
 */
export async function settle(times: readonly number[], signal?: AbortSignal): Promise<void> {
  const now = Date.now();
  const wait = times.reduce((longest, changed) => {
    const grain = changed % 1000 === 0 ? grainMs : tickMs;
    return Math.max(longest, Math.min(changed + grain - now, grain));
  }, 0);
  if (wait === 0) return;
  await sleep(Math.ceil(wait) + 1, undefined, { ...(signal && { signal }) }).catch((error) => {
    signal?.throwIfAborted();
    throw error;
  });
}
