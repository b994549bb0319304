import { readFileSync, statSync } from 'node:fs';

/**
 * Who has locked a file: `process 42`. A lock cannot be asked for from here (fcntl(2)), but Linux lists all of them
 * (proc_locks(5)): by device and inode, which file systems such as btrfs and overlayfs show in two ways, and then
 * nothing is found.
 */
export function lockHolder(path: string, locks = '/proc/locks'): string | undefined {
  const list = textOf(locks);
  return list === undefined ? undefined : lockHolderIn(list, path);
}

/** The same of a list of locks (proc_locks(5)). */
export function lockHolderIn(list: string, path: string): string | undefined {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (stat === undefined) return undefined;
  const file = `${hexOf(majorOf(stat.dev))}:${hexOf(minorOf(stat.dev))}:${stat.ino}`;
  for (const line of list.split('\n')) {
    const [, kind, pid, place] =
      /^\d+: (?:-> )?(\S+)\s+\S+\s+\S+\s+(-?\d+) (\S+) /.exec(line) ?? [];
    if (place !== file || kind === 'LEASE') continue;
    return Number(pid) > 0 ? `process ${pid}` : 'another process';
  }
  return undefined;
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** Linux, makedev(3): the two halves of each number lie apart. */
function majorOf(device: bigint): bigint {
  return ((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn);
}

function minorOf(device: bigint): bigint {
  return (device & 0xffn) | ((device >> 12n) & 0xfff_ff00n);
}

function hexOf(number: bigint): string {
  return number.toString(16).padStart(2, '0');
}
