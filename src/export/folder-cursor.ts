import { Buffer } from 'node:buffer';
import { chmodSync, closeSync, constants, fstatSync, openSync } from 'node:fs';
import { encodeName } from '../../store/index.ts';

/**
 * Stands in one folder of the host and moves through those below it a name at a time, never through a
 * link. What it holds is a descriptor, so that a folder which another process moves or replaces by a link
 * stays the folder that was entered.
 *
 * Node has no openat(2). Its place is taken by `/proc/self/fd/N/NAME`, where the kernel begins at the
 * open folder N (proc_pid_fd(5)), whatever its path has become.
 */
export interface Cursor {
  /** Of the folder it stands in. */
  readonly fd: number;
  /** `name`, one component, in the folder it stands in: for calls that do not follow a link at its end. */
  at(name: string): Buffer;
  /** @throws a system error, such as ENOTDIR or ELOOP for a link. */
  enter(name: string): void;
  /**
   * Goes to the parent and gives the descriptor of the folder that was left, to be closed by the caller.
   * Where the cursor began it has no parent, and is closed.
   * @throws MovedError when the folder now lies in another than it was entered from.
   */
  leave(): number;
  close(): void;
}

/** Another process moved a folder while it was being written. */
export class MovedError extends Error {}

export const openFolderFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** `fd` is of the folder to begin in and belongs to the cursor. */
export function openCursor(fd: number): Cursor {
  const entered: string[] = [];
  let current = fd;
  let isOpen = true;

  const at = (name: string): Buffer => pathIn(current, name);

  return {
    get fd() {
      return current;
    },

    at,

    enter(name) {
      const next = openSync(at(name), openFolderFlags);
      entered.push(identityOf(current));
      closeSync(current);
      current = next;
    },

    leave() {
      const left = current;
      if (entered.length === 0) {
        isOpen = false;
        return left;
      }
      const parent = openSync(`/proc/self/fd/${current}/..`, openFolderFlags);
      if (identityOf(parent) !== entered.pop()) {
        closeSync(parent);
        throw new MovedError('the folder lies in another than it was entered from');
      }
      current = parent;
      return left;
    },

    close() {
      if (isOpen) closeSync(current);
      isOpen = false;
    },
  };
}

/** `name` in the open folder `fd`. */
export function pathIn(fd: number, name: string): Buffer {
  return Buffer.concat([Buffer.from(`/proc/self/fd/${fd}/`), encodeName(name)]);
}

/** Linux, include/uapi/asm-generic/fcntl.h, which Node does not name: a descriptor that needs no permission. */
const openPath = 0o10000000;

/** chmod(2) that fails for a link instead of following it. */
export function chmodUnfollowed(path: Buffer, mode: number): void {
  const fd = openSync(path, openPath | constants.O_NOFOLLOW);
  try {
    chmodSync(`/proc/self/fd/${fd}`, mode);
  } finally {
    closeSync(fd);
  }
}

/** Of an inode; a number above 2^53 would be rounded otherwise. */
export function identityOf(fd: number): string {
  const { dev, ino } = fstatSync(fd, { bigint: true });
  return `${dev}:${ino}`;
}
