import {
  closeSync,
  constants,
  type Dirent,
  fstatSync,
  fsync,
  ftruncateSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  renameSync,
  rmdirSync,
  type Stats,
  symlinkSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { promisify } from 'node:util';
import type { FileKind, Files, OpenFile } from './files.ts';
import { systemCodeOf } from './io-error.ts';

const flush = promisify(fsync);

/** Others may read what is in a store; its owner alone writes, or his group where the umask says so. */
const fileMode = 0o644;
const folderMode = 0o775;

/** The files of this host. */
export const nodeFiles: Files = {
  stat(path) {
    const found = lstatSync(path, { throwIfNoEntry: false });
    return (
      found && {
        kind: kindOf(found),
        size: found.size,
        mtime: found.mtimeMs,
        links: found.nlink,
        inode: found.ino,
      }
    );
  },
  list: (folder) =>
    unless(missing, undefined, () =>
      readdirSync(folder, { withFileTypes: true }).map((entry) => ({
        name: entry.name,
        kind: kindOf(entry),
      })),
    ),
  readWhole: (path) => unless(missing, undefined, () => readFileSync(path)),
  open: (path) =>
    unless(missing, undefined, () => openFile(path, openSync(path, constants.O_RDONLY))),
  create: (path) =>
    openFile(
      path,
      openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, fileMode),
    ),
  update: (path) => openFile(path, openSync(path, constants.O_RDWR | constants.O_CREAT, fileMode)),
  makeFolder(path) {
    return unless(missing, 'orphan', () =>
      unless(present, 'present', () => {
        mkdirSync(path, folderMode);
        return 'made';
      }),
    );
  },
  rename: (from, to) =>
    unless(missing, false, () => {
      renameSync(from, to);
      return true;
    }),
  link: (from, to) =>
    unless(noLinks, 'refused', () =>
      unless(present, 'present', () => {
        linkSync(from, to);
        return 'made';
      }),
    ),
  symlink: (target, path) =>
    unless(present, false, () => {
      symlinkSync(target, path);
      return true;
    }),
  readLink: (path) => unless(missing, undefined, () => readlinkSync(path)),
  remove: (path) =>
    unless(missing, false, () => {
      unlinkSync(path);
      return true;
    }),
  removeFolder: (path) =>
    unless(occupied, false, () => {
      rmdirSync(path);
      return true;
    }),
  touch(path) {
    const now = new Date();
    lutimesSync(path, now, now);
  },
  async flushFolder(path) {
    const fd = openSync(path, constants.O_RDONLY);
    try {
      await flush(fd);
    } finally {
      closeSync(fd);
    }
  },
};

function openFile(path: string, fd: number): OpenFile {
  return {
    path,
    size: () => fstatSync(fd).size,
    read(target, position) {
      let at = 0;
      while (at < target.length) {
        const count = readSync(fd, target, at, target.length - at, position + at);
        if (count === 0) break;
        at += count;
      }
      return at;
    },
    write(bytes, position) {
      for (let at = 0; at < bytes.length; ) {
        at += writeSync(fd, bytes, at, bytes.length - at, position + at);
      }
    },
    truncate: (size) => ftruncateSync(fd, size),
    flush: () => flush(fd),
    close: () => closeSync(fd),
  };
}

const missing = ['ENOENT'];
const present = ['EEXIST'];
const occupied = ['ENOTEMPTY', 'EEXIST', 'ENOENT'];
/** File systems without hard links, or with a limit on them. */
const noLinks = ['EXDEV', 'EPERM', 'EMLINK', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP'];

function unless<T, U>(codes: readonly string[], otherwise: U, call: () => T): T | U {
  try {
    return call();
  } catch (error) {
    if (codes.includes(systemCodeOf(error) ?? '')) return otherwise;
    throw error;
  }
}

function kindOf(entry: Stats | Dirent): FileKind {
  if (entry.isFile()) return 'file';
  if (entry.isDirectory()) return 'folder';
  return entry.isSymbolicLink() ? 'symlink' : 'other';
}
