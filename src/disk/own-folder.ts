import {
  accessSync,
  chmodSync,
  constants,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { nodeFiles, withLock } from '../../store/processes.ts';
import { ConvertError } from '../error.ts';
import { shellWord } from '../shell-word.ts';

export interface OwnFolder {
  readonly path: string;
  /** For what it is, as in "opening …". */
  readonly name: string;
  /** Names of what is kept in it. */
  readonly kept: RegExp;
  /** Whether it is of no use where nothing can be written to it. */
  readonly isWritten?: boolean;
}

const mine = 0o700;
const others = 0o077;

/** Not closed yet: what lay in it is being removed. In a folder of one user this bit says nothing else. */
const unfinished = 0o1000;

/**
 * Makes a folder that only this user can enter, and all on the way to it. One that others could enter is closed to
 * them, and what is kept in it is removed: they may have put it there, or links that lead to theirs, or have read it.
 * A process that ends in the midst of that leaves the rest to the next; others wait until it is done.
 * @throws ConvertError `OUTPUT_UNUSABLE` for one of another user, or that cannot be made, closed, or written.
 */
export async function openOwnFolder({
  path,
  name,
  kept,
  isWritten = false,
}: OwnFolder): Promise<void> {
  const refusal = (found: string, wanted: string, cause?: unknown): ConvertError =>
    new ConvertError(
      'OUTPUT_UNUSABLE',
      `opening ${name} ${path}: found ${found}, wanted ${wanted}`,
      { hint: `ls -ld ${shellWord(path)}`, cause },
    );
  try {
    mkdirSync(path, { recursive: true, mode: mine });
    const [{ uid }, user] = [statSync(path), process.getuid?.()];
    if (uid !== user) throw refusal(`a folder of user ${uid}`, `one of user ${user}`);
    if (!isClosed(path)) {
      // Of two that find it open, the later would remove what the earlier, being done, puts into it.
      await withLock(nodeFiles, join(path, 'closing.lock'), async () => {
        if (!isClosed(path)) close(path, kept);
      });
    }
    if ((statSync(path).mode & others) !== 0) {
      throw refusal('a file system that lets others in', 'one that keeps modes of folders');
    }
    if (isWritten) accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    if (cause instanceof ConvertError) throw cause;
    throw refusal(reasonOf(cause), 'a folder that this user can write to', cause);
  }
}

function isClosed(folder: string): boolean {
  return (statSync(folder).mode & (others | unfinished)) === 0;
}

function close(folder: string, kept: RegExp): void {
  chmodSync(folder, mine | unfinished);
  for (const name of readdirSync(folder)) {
    if (kept.test(name)) rmSync(join(folder, name), { recursive: true, force: true });
  }
  chmodSync(folder, mine);
}

function reasonOf(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  switch (code) {
    case 'EACCES':
    case 'EPERM':
      return 'a place where this user may not write';
    case 'EROFS':
      return 'a file system that is read-only';
    case 'EEXIST':
    case 'ENOTDIR':
      return 'a file there, or on the way to it';
    case 'ENOSPC':
    case 'EDQUOT':
      return 'no room left for it';
    default:
      return `an error (${cause instanceof Error ? cause.message : cause})`;
  }
}
