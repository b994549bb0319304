import { spawnSync } from 'node:child_process';

/** Whether this host lets whoever runs the tests mount things that nobody else sees. */
export const namespaces = spawnSync('unshare', ['-rm', 'true']).status === 0;

/** Words before a command that runs it where `script` (sh) was run first, with `$0` for `folder`. */
export function inNamespace(script: string, folder: string): readonly string[] {
  return ['unshare', '-rm', 'sh', '-c', `${script} && exec "$@"`, folder];
}

/** A small file system of its own at the folder. */
export function onSmallDisk(folder: string, size: string): readonly string[] {
  return inNamespace(`mount -t tmpfs -o size=${size} tmpfs "$0"`, folder);
}

/** Nobody can write to the folder, whatever its permissions. */
export function readOnly(folder: string): readonly string[] {
  return inNamespace('mount --bind "$0" "$0" && mount -o remount,ro,bind "$0"', folder);
}
