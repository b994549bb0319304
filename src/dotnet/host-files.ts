import {
  closeSync,
  fstatSync,
  openSync,
  readdirSync,
  readSync,
  realpathSync,
  statSync,
} from 'node:fs';
import type { SyncAccess } from '../tree/access.ts';
import type { Architecture } from './architecture.ts';
import type { Files } from './files.ts';

/** The host's file system, for x64. What may not be read counts as not there. */
export const hostFiles: Files = {
  architecture: 'x64',
  find: (path) =>
    unlessMissing(() => {
      const stat = statSync(path);
      return {
        path: realpathSync(path),
        kind: stat.isFile() ? 'file' : stat.isDirectory() ? 'directory' : 'other',
        size: stat.isFile() ? stat.size : 0,
        mode: stat.mode & 0o7777,
        changed: stat.ctimeMs,
      };
    }),
  list: (path) => unlessMissing(() => readdirSync(path).sort()) ?? [],
  read(path, use) {
    // A FIFO would block the opening for ever.
    const fd = unlessMissing(() => (statSync(path).isFile() ? openSync(path, 'r') : undefined));
    if (fd === undefined) {
      return undefined;
    }
    try {
      return use(accessOf(fd));
    } finally {
      closeSync(fd);
    }
  },
};

/** The same for programs of another processor, which a host may have besides its own. */
export function hostFilesFor(architecture: Architecture): Files {
  return { ...hostFiles, architecture };
}

function accessOf(fd: number): SyncAccess {
  const { size } = fstatSync(fd);
  return {
    size,
    read(offset, length) {
      const bytes = new Uint8Array(Math.max(0, Math.min(length, size - offset)));
      let done = 0;
      while (done < bytes.length) {
        const read = readSync(fd, bytes, done, bytes.length - done, offset + done);
        if (read === 0) {
          break;
        }
        done += read;
      }
      return bytes.subarray(0, done);
    },
  };
}

const missing = new Set(['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'ELOOP', 'ENAMETOOLONG']);

function unlessMissing<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch (error) {
    if (error instanceof Error && 'code' in error && missing.has(String(error.code))) {
      return undefined;
    }
    throw error;
  }
}
