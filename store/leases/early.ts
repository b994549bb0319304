import type { Files } from '../files/files.ts';

/** Milliseconds by which clocks may differ that tell the same time. */
const tolerance = 1000;

/**
 * Sets a time of change that is yet to come to now. It was told by a clock that was wrong, as on a machine
 * that started with another date, and nothing would seem old enough to go until that time. From now on it
 * grows old as everything does; whoever lives, changes it again.
 */
export function correctEarly(files: Files, path: string): void {
  const changed = files.stat(path)?.mtime;
  if (changed === undefined || changed <= Date.now() + tolerance) return;
  // What is another user's may not be changed, and goes later.
  try {
    files.touch(path);
  } catch {}
}
