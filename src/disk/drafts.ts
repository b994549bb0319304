import { openSync, readdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { codeOf } from './output-error.ts';

const ending = '.part';

/** What is being written changes all the time; what does not is of a process that was killed. */
const draftAge = 3_600_000;

/** A file that is being written, under a name that nobody looks for. */
export interface Draft {
  readonly path: string;
  /** Open for writing. */
  readonly fd: number;
}

/**
 * A new file beside `target`; its name is new to the folder: of another run, this process's id; of another call,
 * the number. @throws what the system says.
 */
export function createDraft(target: string): Draft {
  for (let number = 0; ; number += 1) {
    const path = join(dirname(target), `.osv-convert-${process.pid}-${number}${ending}`);
    try {
      return { path, fd: openSync(path, 'wx') };
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
    }
  }
}

/** Removes from a folder what killed processes left half-written. */
export function removeDrafts(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (!name.endsWith(ending)) continue;
    const path = join(folder, name);
    const changed = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Number.POSITIVE_INFINITY;
    if (Date.now() - changed > draftAge) rmSync(path, { force: true });
  }
}
