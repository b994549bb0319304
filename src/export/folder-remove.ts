import { closeSync, openSync, readdirSync, rmdirSync, unlinkSync } from 'node:fs';
import { decodeName } from '../../store/index.ts';
import { chmodUnfollowed, openCursor, openFolderFlags, pathIn } from './folder-cursor.ts';

/**
 * Removes the folder `name` in the open folder `parent` with all below it. Links are removed, never
 * followed; folders that forbid it are made to allow it first. Paths above PATH_MAX are no matter.
 * @throws a system error where another process is at work in it.
 */
export function removeFolder(parent: number, name: string): void {
  chmodUnfollowed(pathIn(parent, name), 0o700);
  const cursor = openCursor(openSync(pathIn(parent, name), openFolderFlags));
  try {
    const entered = [{ name, folders: removeFiles(cursor.fd) }];
    for (let top = entered.at(-1); top; top = entered.at(-1)) {
      const below = top.folders.pop();
      if (below !== undefined) {
        chmodUnfollowed(cursor.at(below), 0o700);
        cursor.enter(below);
        entered.push({ name: below, folders: removeFiles(cursor.fd) });
        continue;
      }
      entered.pop();
      closeSync(cursor.leave());
      if (entered.length > 0) rmdirSync(cursor.at(top.name));
    }
  } finally {
    cursor.close();
  }
  rmdirSync(pathIn(parent, name));
}

/** Removes what is no folder, and gives the names of those that are. */
function removeFiles(fd: number): string[] {
  const entries = readdirSync(`/proc/self/fd/${fd}`, { withFileTypes: true, encoding: 'buffer' });
  const folders: string[] = [];
  for (const entry of entries) {
    const name = decodeName(entry.name);
    if (entry.isDirectory()) folders.push(name);
    else unlinkSync(pathIn(fd, name));
  }
  return folders;
}
