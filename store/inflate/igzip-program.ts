import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';

/** POSIX has it here; it sets the limit of what igzip may write. */
export const shell = '/bin/sh';

/**
 * The program igzip, of ISA-L, which inflates gzip in half the time of zlib: the first on `path`, if
 * others than its owner and group may not write it. Folders that are not named in full are passed by.
 */
export function findIgzip(path: string): string | undefined {
  if (!isExecutable(shell)) return undefined;
  const found = path
    .split(delimiter)
    .filter(isAbsolute)
    .map((folder) => join(folder, 'igzip'))
    .find(isExecutable);
  return found !== undefined && (statSync(found).mode & constants.S_IWOTH) === 0
    ? found
    : undefined;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
