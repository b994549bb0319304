import { closeSync, openSync, rmSync, statSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const page = 4096;
const fillerName = '.filler';

/** Takes all room on the disk that `folder` is the top of, but for so many pages. */
export function fillDisk(folder: string, pagesLeft: number): void {
  const path = join(folder, fillerName);
  const fd = openSync(path, 'w');
  try {
    for (;;) writeSync(fd, Buffer.alloc(page));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
  } finally {
    closeSync(fd);
  }
  truncateSync(path, Math.max(0, statSync(path).size - pagesLeft * page));
}

export function freeDisk(folder: string): void {
  rmSync(join(folder, fillerName), { force: true });
}
