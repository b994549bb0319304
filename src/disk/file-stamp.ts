import { type BigIntStats, statSync } from 'node:fs';

/**
 * Which file lies somewhere, and in which state. It changes with every write, also one that leaves size and time
 * of writing as they were: the time of change (`st_ctime`, inode(7)) is set by the kernel, and by nobody else who
 * has neither its clock nor the device below it.
 */
export type FileStamp = string;

/** The part of a stamp that is known before the file has its name; a later write changes it, or its end in a stamp. */
export type FileIdentity = string;

/** Times of files are those of the last tick of the kernel's clock, 1 to 10 ms apart. */
export const tickMs = 20;

export function stampOf(stat: BigIntStats): FileStamp {
  return `${identityOf(stat)}:${stat.ctimeNs}`;
}

export function identityOf({ dev, ino, size, mtimeNs }: BigIntStats): FileIdentity {
  return `${dev}:${ino}:${size}:${mtimeNs}`;
}

/** Of the file that `path` leads to; undefined where no file is, or none that can be looked at. */
export function stampAt(path: string): FileStamp | undefined {
  const found = statAt(path);
  return found && stampOf(found);
}

/**
 * The stamp of a file that was written as `identity`, once any later write is sure to give it another: when the
 * clock has gone past the tick of its last change. Undefined where another file lies there by now, and where the
 * file system tells whole seconds only, or a time to come.
 */
export async function settledStamp(
  path: string,
  identity: FileIdentity,
): Promise<FileStamp | undefined> {
  const changed = statAt(path)?.ctimeNs;
  if (changed === undefined || changed % 1_000_000_000n === 0n) return undefined;
  const wait = Number(changed / 1_000_000n) + tickMs - Date.now();
  if (wait > tickMs) return undefined;
  // What changes the file in the same tick of the clock leaves its time as it is: only a later tick tells.
  if (wait > 0) await new Promise((done) => setTimeout(done, wait));
  const settled = statAt(path);
  return settled?.ctimeNs === changed && identityOf(settled) === identity
    ? stampOf(settled)
    : undefined;
}

function statAt(path: string): BigIntStats | undefined {
  try {
    const found = statSync(path, { bigint: true, throwIfNoEntry: false });
    return found?.isFile() ? found : undefined;
  } catch {
    return undefined;
  }
}
