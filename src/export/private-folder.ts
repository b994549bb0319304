import type { Stats } from 'node:fs';
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  realpathSync,
  renameSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { ConvertError } from '../error.ts';
import { shellWord } from '../shell-word.ts';
import { identityOf, MovedError, openFolderFlags, pathIn } from './folder-cursor.ts';
import { messageOf, outputFull, systemCodeOf } from './folder-error.ts';
import { removeFolder } from './folder-remove.ts';

/** A folder that appears under its name only when it is whole. */
export interface PrivateFolder {
  /** Of the folder. */
  readonly fd: number;
  /** Another descriptor of it, for who closes it. */
  open(): number;
  /** Gives the folder its name. */
  commit(): void;
  /** Leaves nothing behind; nothing but descriptors after `commit`. */
  discard(): void;
}

/**
 * Finds out, without writing anything, whether a folder could be written to `path`.
 * @throws ConvertError `OUTPUT_UNUSABLE`.
 */
export function checkNewFolder(path: string): void {
  try {
    accessSync(dirname(targetOf(path)), constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw privateFolderError(path, cause);
  }
}

/**
 * A new folder beside `path`, for its owner alone till `commit`. A `path` that is a link means the folder
 * it leads to. A process that is killed leaves it there as `.osv-convert-PID-N.part`.
 *
 * @throws ConvertError, as all its functions do: `OUTPUT_UNUSABLE` when `path` is there and no empty
 * folder, when what it is to lie in is missing or not writable, and without `/proc`; `OUTPUT_FULL`.
 */
export function openPrivateFolder(path: string): PrivateFolder {
  const attempt = <T>(work: () => T): T => {
    try {
      return work();
    } catch (cause) {
      throw privateFolderError(path, cause);
    }
  };
  const target = attempt(() => targetOf(path));
  const parent = attempt(() => openSync(dirname(target), openFolderFlags));
  const { name, fd } = attempt(() => createIn(parent, path));
  let isNamed = false;

  return {
    fd,

    open: () => attempt(() => openSync(`/proc/self/fd/${fd}/.`, openFolderFlags)),

    commit() {
      attempt(() => {
        const place = pathIn(parent, basename(target));
        renameSync(pathIn(parent, name), place);
        isNamed = true;
        const { dev, ino } = lstatSync(place, { bigint: true });
        if (`${dev}:${ino}` !== identityOf(fd)) {
          throw unusable(
            path,
            'another folder put in the place of the one written',
            'it left alone',
          );
        }
      });
    },

    discard() {
      try {
        if (!isNamed) removeTwice(parent, name);
      } finally {
        closeSync(fd);
        closeSync(parent);
      }
    },
  };
}

/** Where another process is at work in it, it may stay: what made the writing fail is told. */
function removeTwice(parent: number, name: string): void {
  for (let attempt = 0; attempt < 2; attempt += 1) {
    try {
      removeFolder(parent, name);
      return;
    } catch (error) {
      if (systemCodeOf(error) === undefined && !(error instanceof MovedError)) throw error;
    }
  }
}

/** Where the folder is to be, free of links; what is there must be an empty folder. */
function targetOf(path: string): string {
  if (path === '') throw unusable('an output without a name', 'nothing', wantedFolder);
  if (!existsSync('/proc/self/fd')) {
    throw unusable(path, 'no /proc', '/proc mounted, without which no name can be written safely', {
      hint: 'write a tar: --to FILE.tar',
    });
  }
  const resolved = resolve(path);
  const existing: Stats | undefined = lstatSync(resolved, { throwIfNoEntry: false });
  if (existing === undefined) return join(realpathSync(dirname(resolved)), basename(resolved));
  const target = existing.isSymbolicLink() ? followed(path, resolved) : realpathSync(resolved);
  const [first] = readdirSync(target);
  if (first === undefined) return target;
  throw unusable(path, `a folder that has ${JSON.stringify(first)} in it`, wantedFolder, {
    hint: 'name another folder',
  });
}

function followed(path: string, link: string): string {
  try {
    return realpathSync(link);
  } catch (cause) {
    if (systemCodeOf(cause) !== 'ENOENT') throw cause;
    throw unusable(path, 'a link that leads nowhere', wantedFolder, { cause });
  }
}

const wantedFolder = 'an empty folder or a new name';

/** The name is new to the folder: of another run, this process's id; of another call, the number. */
function createIn(parent: number, path: string): { readonly name: string; readonly fd: number } {
  try {
    for (let number = 0; ; number += 1) {
      const name = `.osv-convert-${process.pid}-${number}.part`;
      try {
        mkdirSync(pathIn(parent, name), 0o700);
      } catch (error) {
        if (systemCodeOf(error) === 'EEXIST') continue;
        throw error;
      }
      return { name, fd: openOwn(parent, name, path) };
    }
  } catch (error) {
    closeSync(parent);
    throw error;
  }
}

/** Who else may write to the parent could have put a folder of his own in the place of the new one. */
function openOwn(parent: number, name: string, path: string): number {
  const fd = openSync(pathIn(parent, name), openFolderFlags);
  const { uid, mode } = fstatSync(fd);
  if (uid === process.geteuid?.() && (mode & 0o777) === 0o700) return fd;
  closeSync(fd);
  throw unusable(path, 'a folder of another user in the place of the one made', 'it left alone');
}

function privateFolderError(path: string, cause: unknown): unknown {
  const parent = dirname(resolve(path));
  switch (systemCodeOf(cause)) {
    case undefined:
      return cause;
    case 'ENOSPC':
    case 'EDQUOT':
      return outputFull(path, `writing ${path}: found`, cause);
    case 'ENOENT':
      return unusable(path, `no folder ${parent}`, 'one to write to', {
        hint: `mkdir -p ${shellWord(parent)}`,
        cause,
      });
    case 'ENOTDIR':
      return unusable(path, 'a file there or among its parents', wantedFolder, { cause });
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return unusable(path, `the folder ${parent} not writable`, 'one that is', { cause });
    case 'EBUSY':
      return unusable(path, 'a file system mounted there', wantedFolder, {
        hint: 'name a folder in it',
        cause,
      });
    case 'ENOTEMPTY':
    case 'EEXIST':
      return unusable(path, 'a folder with things in it that came there meanwhile', wantedFolder, {
        cause,
      });
    default:
      return unusable(path, `an error (${messageOf(cause)})`, 'none', { cause });
  }
}

function unusable(
  path: string,
  found: string,
  wanted: string,
  options: { readonly hint?: string; readonly cause?: unknown } = {},
): ConvertError {
  return new ConvertError('OUTPUT_UNUSABLE', `writing ${path}: found ${found}, wanted ${wanted}`, {
    hint: 'name another folder',
    ...options,
  });
}
