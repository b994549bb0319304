import { readFileSync, statSync } from 'node:fs';
import { ConvertError } from '../error.ts';
import { shellWord } from '../shell-word.ts';

/**
 * Refuses a disk that another program has locked, as QEMU locks every disk of a running machine. A lock
 * cannot be asked for from here (fcntl(2)), but Linux lists all of them (proc_locks(5)): by device and inode,
 * which file systems such as btrfs and overlayfs show in two ways, and then nothing is found. It is a
 * courtesy: an edited disk takes the place of the old one, which a machine that runs keeps until its end.
 * @throws ConvertError `OUTPUT_UNUSABLE`.
 */
export function refuseInUse(path: string, locks = '/proc/locks'): void {
  const holder = lockHolder(path, locks);
  if (holder === undefined) return;
  throw new ConvertError(
    'OUTPUT_UNUSABLE',
    `editing ${JSON.stringify(path)}: found it locked by ${holder}, wanted a disk that no machine uses`,
    { hint: `end the machine first (fuser ${shellWord(path)} names its process)` },
  );
}

/** Who has locked a file, as far as Linux tells: `process 42`. */
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
