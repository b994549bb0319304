import {
  closeSync,
  constants,
  copyFileSync,
  fstatSync,
  fsync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { createDraft } from './drafts.ts';
import { syncEarly } from './early-sync.ts';
import { type FileIdentity, identityOf } from './file-stamp.ts';
import { outputError } from './output-error.ts';
import { targetOf } from './output-target.ts';

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
  const draft = attempt(() => createDraft(target));
  const { fd } = draft;
  const early = syncEarly(fd);
  let open = true;
  let named = false;
  const close = (): void => {
    if (open) early.thenClose();
    open = false;
  };

  return {
    write(bytes, offset) {
      attempt(() => writeAll(fd, bytes, bytes.length, offset));
      early.written(bytes.length);
    },

    resize(size) {
      attempt(() => ftruncateSync(fd, size));
    },

    copy(source) {
      attempt(() => {
        // copyFile gives the mode of the source before the bytes: others could read what is not for them.
        if (statSync(source).mode === fstatSync(fd).mode) {
          copyFileSync(source, draft.path, constants.COPYFILE_FICLONE);
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
        renameSync(draft.path, target);
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
      if (!named) rmSync(draft.path, { force: true });
    },
  };
}

/** The first `length` of `bytes`, to `offset` of the file. */
function writeAll(fd: number, bytes: Uint8Array, length: number, offset: number): void {
  for (let done = 0; done < length; ) {
    done += writeSync(fd, bytes, done, length - done, offset + done);
  }
}

const pieceSize = 1 << 20;

function copyBytes(source: string, target: number): void {
  const from = openSync(source, 'r');
  try {
    const piece = Buffer.allocUnsafe(pieceSize);
    let offset = 0;
    for (let read = readSync(from, piece); read > 0; read = readSync(from, piece)) {
      writeAll(target, piece, read, offset);
      offset += read;
    }
  } finally {
    closeSync(from);
  }
}

const sync = promisify(fsync);

/** Power loss must not take the name away again. */
async function syncFolder(folder: string): Promise<void> {
  const fd = openSync(folder, 'r');
  try {
    await sync(fd);
  } finally {
    closeSync(fd);
  }
}
