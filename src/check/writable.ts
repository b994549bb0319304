import { posix } from 'node:path';
import type { DotnetApp } from '../dotnet/app.ts';
import { isWithin, obstacleAt } from '../osv/mounts.ts';

/** Whether OSv has something at an absolute path that can be written: a ramfs, or devices; all else is ROFS. */
export type IsWritable = (path: string) => boolean;

/** With a ramfs at /tmp and at each of `tmpfs`. */
export function writableWith(tmpfs: readonly string[]): IsWritable {
  return (path) => ['/tmp', '/dev', ...tmpfs].some((folder) => isWithin(path, folder));
}

export const isUsuallyWritable = writableWith([]);

/** What no ramfs may hide. */
export type Needed = Pick<DotnetApp, 'executable' | 'assembly'>;

/** The option that makes a folder writable; undefined for one that OSv cannot mount over, or with the app below it. */
export function tmpfsOption(
  folder: string,
  { executable, assembly = executable }: Needed,
): string | undefined {
  const path = posix.resolve('/', folder);
  const isNeeded = [executable, assembly, '/usr/lib'].some((one) => isWithin(one, path));
  return isNeeded || obstacleAt(path) !== undefined ? undefined : `--tmpfs ${path}`;
}
