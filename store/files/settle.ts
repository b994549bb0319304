import type { Files } from './files.ts';
import { isWriteRefusal } from './io-error.ts';

/** Milliseconds in which a folder may change and say the same time of change. */
const coarseness = 2000;

/**
 * A function that makes what is in a folder durable. What another process put there may not be so:
 * it may have died before it could, or not come to it yet. Whoever reports such things as done
 * settles their folder first. Nothing is flushed for as long as nothing changes there.
 */
export function createSettling(files: Files): (folder: string) => Promise<void> {
  const settled = new Map<string, number>();
  return async (folder) => {
    const now = Date.now();
    const changed = files.stat(folder)?.mtime;
    if (changed === undefined || settled.get(folder) === changed) return;
    try {
      await files.flushFolder(folder);
    } catch (error) {
      // Who may not write to a store can still say what is in it.
      if (!isWriteRefusal(error)) throw error;
    }
    if (changed < now - coarseness) settled.set(folder, changed);
  };
}
