import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import type { SyncAccess } from '../tree/access.ts';
import { invalidDisk, unreadableDisk } from './disk-error.ts';

export interface FileAccess extends SyncAccess {
  /** Nothing can be read any more: whoever tries has made a mistake. */
  close(): void;
}

/**
 * A file of this machine, read where it is asked for. What its size was when it was opened is its size.
 * @throws ConvertError `USAGE` for what is no file, `ACCESS_DENIED`; `DISK_INVALID`, from `read`, when the
 * system does not give the bytes.
 */
export function openFileAccess(path: string): FileAccess {
  const { fd, size } = openFile(path);
  let isOpen = true;

  return {
    size,
    read(offset, length) {
      if (!isOpen) throw new Error(`${path} is read after it was closed`);
      const bytes = Buffer.alloc(Math.max(0, Math.min(length, size - offset)));
      for (let done = 0; done < bytes.length; ) {
        const count = readAt(path, fd, bytes.subarray(done), offset + done);
        if (count === 0) {
          const end = `its end at byte ${offset + done}`;
          throw invalidDisk(path, end, `${size} bytes, as when it was opened`);
        }
        done += count;
      }
      return bytes;
    },
    close() {
      if (isOpen) closeSync(fd);
      isOpen = false;
    },
  };
}

function openFile(path: string): { readonly fd: number; readonly size: number } {
  let fd: number;
  try {
    // Else a pipe in the file's place would be waited for.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    throw unreadableDisk(path, wordsOf(cause), cause);
  }
  const stat = fstatSync(fd);
  if (stat.isFile()) return { fd, size: stat.size };
  closeSync(fd);
  throw unreadableDisk(path, 'something that is no file');
}

function readAt(path: string, fd: number, target: Uint8Array, offset: number): number {
  try {
    return readSync(fd, target, 0, target.length, offset);
  } catch (cause) {
    throw invalidDisk(path, `${wordsOf(cause)} at byte ${offset}`, 'bytes that can be read');
  }
}

function wordsOf(cause: unknown): string {
  if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return 'no such file';
  return cause instanceof Error ? cause.message : String(cause);
}
