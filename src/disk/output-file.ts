import {
  closeSync,
  constants,
  copyFileSync,
  fdatasync,
  fstatSync,
  fsync,
  ftruncateSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { ConvertError } from '../error.ts';
import { shellWord } from '../shell-word.ts';
import { type FileIdentity, identityOf } from './file-stamp.ts';

/** A file that appears under its name only when it is whole. */
export interface OutputFile {
  /** All of `bytes`, at `offset`. */
  write(bytes: Uint8Array, offset: number): void;
  /** Cuts or lengthens the file, with a hole. */
  resize(size: number): void;
  /**
   * All of the file at `source`; its blocks are shared where the file system can do that, else holes become zeros.
   * Who may read the copy is decided by the umask, not by `source`.
   */
  copy(source: string): void;
  /** Makes the file durable and gives it its name, in place of a file that has it. */
  commit(): Promise<Committed>;
  /** Leaves nothing behind; nothing to do after `commit`. */
  discard(): void;
}

export interface Committed {
  readonly bytes: number;
  /** What the file system uses for it. */
  readonly allocated: number;
  readonly identity: FileIdentity;
}

/**
 * A new file beside `path`, which is not touched before `commit`. A `path` that is a link means the file it
 * leads to.
 *
 * @throws ConvertError, as all its functions do: `OUTPUT_UNUSABLE` when the folder is missing or not
 * writable, or `path` is there and no regular file; `OUTPUT_FULL` when there is no room.
 */
export function openOutputFile(path: string): OutputFile {
  const attempt = <T>(work: () => T): T => {
    try {
      return work();
    } catch (cause) {
      throw outputError(path, cause);
    }
  };
  const target = attempt(() => targetOf(path));
  const temporary = attempt(() => createBeside(target));
  const { fd } = temporary;
  const early = syncEarly(fd);
  let open = true;
  let named = false;
  const close = (): void => {
    if (open) early.thenClose();
    open = false;
  };

  return {
    write(bytes, offset) {
      attempt(() => {
        for (let done = 0; done < bytes.length; ) {
          done += writeSync(fd, bytes, done, bytes.length - done, offset + done);
        }
      });
      early.written(bytes.length);
    },

    resize(size) {
      attempt(() => ftruncateSync(fd, size));
    },

    copy(source) {
      attempt(() => {
        // copyFile gives the mode of the source before the bytes: others could read what is not for them.
        if (statSync(source).mode === fstatSync(fd).mode) {
          copyFileSync(source, temporary.path, constants.COPYFILE_FICLONE);
        } else {
          copyBytes(source, fd);
        }
      });
    },

    async commit() {
      try {
        await early.settled();
        await sync(fd);
        const stat = fstatSync(fd, { bigint: true });
        close();
        renameSync(temporary.path, target);
        named = true;
        await syncFolder(dirname(target));
        const [bytes, allocated] = [Number(stat.size), Number(stat.blocks) * 512];
        return { bytes, allocated, identity: identityOf(stat) };
      } catch (cause) {
        throw outputError(path, cause);
      }
    },

    discard() {
      close();
      if (!named) rmSync(temporary.path, { force: true });
    },
  };
}

const pieceSize = 1 << 20;

function copyBytes(source: string, target: number): void {
  const from = openSync(source, 'r');
  try {
    const piece = Buffer.allocUnsafe(pieceSize);
    for (let read = readSync(from, piece); read > 0; read = readSync(from, piece)) {
      for (let done = 0; done < read; ) done += writeSync(target, piece, done, read - done);
    }
  } finally {
    closeSync(from);
  }
}

/** What is being written changes all the time; what does not is of a process that was killed. */
const draftAge = 3_600_000;

/** Removes from a folder what killed processes left half-written. */
export function removeDrafts(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (!name.endsWith('.part')) continue;
    const path = join(folder, name);
    const changed = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Number.POSITIVE_INFINITY;
    if (Date.now() - changed > draftAge) rmSync(path, { force: true });
  }
}

const sync = promisify(fsync);
const syncData = promisify(fdatasync);

/** Bytes after which the disk is set to work, while others are written. */
const worthSyncing = 2 ** 24;

/** Lets the disk have what is written while more is, so that less is left for the end. */
function syncEarly(fd: number) {
  let unsynced = 0;
  let syncing: Promise<unknown> | undefined;
  /** A failure is told once, to whoever syncs then. */
  let failure: { readonly cause: unknown } | undefined;

  return {
    written(bytes: number): void {
      unsynced += bytes;
      if (unsynced < worthSyncing || syncing) return;
      unsynced = 0;
      syncing = syncData(fd)
        .catch((cause) => {
          failure = { cause };
        })
        .then(() => {
          syncing = undefined;
        });
    },
    /** @throws what was not told yet. */
    async settled(): Promise<void> {
      await syncing;
      if (failure) throw failure.cause;
    },
    /** Not before the disk is done with it, for its number is another file's then. */
    thenClose(): void {
      if (syncing) void syncing.then(() => closeSync(fd));
      else closeSync(fd);
    },
  };
}

/** Power loss must not take the name away again. */
async function syncFolder(folder: string): Promise<void> {
  const fd = openSync(folder, 'r');
  try {
    await sync(fd);
  } finally {
    closeSync(fd);
  }
}

function targetOf(path: string): string {
  if (path === '') throw unusable('an output without a name', 'nothing');
  const target = join(realpathSync(dirname(resolve(path))), basename(resolve(path)));
  const existing = lstatSync(target, { throwIfNoEntry: false });
  if (existing?.isSymbolicLink()) return targetOf(followed(target));
  if (existing && !existing.isFile()) {
    throw unusable(path, existing.isDirectory() ? 'a folder' : 'a device, pipe or socket');
  }
  return target;
}

/** Where a link leads, be it to nothing yet. */
function followed(link: string): string {
  try {
    return realpathSync(link);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    return resolve(dirname(link), readlinkSync(link));
  }
}

/** The name is new to the folder: of another run, this process's id; of another call, the number. */
function createBeside(target: string): { readonly path: string; readonly fd: number } {
  for (let number = 0; ; number += 1) {
    const path = join(dirname(target), `.osv-convert-${process.pid}-${number}.part`);
    try {
      return { path, fd: openSync(path, 'wx') };
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
    }
  }
}

function outputError(path: string, cause: unknown): ConvertError {
  if (cause instanceof ConvertError) return cause;
  switch (codeOf(cause)) {
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return new ConvertError(
        'OUTPUT_FULL',
        `writing ${path}: found no room left for it in ${dirname(resolve(path))}, wanted room for all of it`,
        { hint: `df -h ${shellWord(dirname(resolve(path)))}`, cause },
      );
    case 'ENOENT': {
      const folder = dirname(resolve(path));
      return unusable(path, `no folder ${folder}`, cause, `mkdir -p ${shellWord(folder)}`);
    }
    case 'ENOTDIR':
      return unusable(path, `no folder ${dirname(resolve(path))} but a file`, cause);
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return unusable(path, `the folder ${dirname(resolve(path))} not writable`, cause);
    default:
      return unusable(path, `an error (${cause instanceof Error ? cause.message : cause})`, cause);
  }
}

function unusable(
  path: string,
  found: string,
  cause?: unknown,
  hint = 'name another file',
): ConvertError {
  return new ConvertError(
    'OUTPUT_UNUSABLE',
    `writing ${path}: found ${found}, wanted a file in a folder that can be written`,
    { hint, cause },
  );
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}
