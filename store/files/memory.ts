import { Buffer } from 'node:buffer';
import { basename, dirname } from 'node:path';
import type { Files, OpenFile } from './files.ts';

interface Node {
  readonly inode: number;
  mtime: number;
  /** How many names it has. */
  links: number;
}

interface FileNode extends Node {
  readonly kind: 'file';
  size: number;
  /** At least `size` bytes, so that appending need not copy; those behind it are zeros. */
  room: Uint8Array;
}

interface FolderNode extends Node {
  readonly kind: 'folder';
  readonly names: Map<string, AnyNode>;
}

interface SymlinkNode extends Node {
  readonly kind: 'symlink';
  readonly target: string;
}

type AnyNode = FileNode | FolderNode | SymlinkNode;

/**
 * Files in memory that behave as those of POSIX (IEEE 1003.1-2017) where a store relies on it: a
 * name gives way to another in one step, and a file that lost its last name is there until it is
 * closed. Paths are absolute; `/` is there, empty. Symbolic links are not followed. Stores opened
 * with the same files share them as processes would share a disk.
 */
export function createMemoryFiles(): Files {
  let inodes = 0;
  const node = (): Node => {
    inodes += 1;
    return { inode: inodes, mtime: Date.now(), links: 0 };
  };
  const newFolder = (): FolderNode => ({ ...node(), kind: 'folder', names: new Map() });
  const newFile = (): FileNode => ({ ...node(), kind: 'file', size: 0, room: new Uint8Array() });
  const root = newFolder();

  const find = (path: string): AnyNode | undefined => {
    let at: AnyNode | undefined = root;
    for (const name of path.split('/')) {
      if (name === '') continue;
      if (at === undefined) return undefined;
      if (at.kind !== 'folder') throw failure('ENOTDIR', 'open', path);
      at = at.names.get(name);
    }
    return at;
  };

  const findFile = (path: string, call: string): FileNode | undefined => {
    const found = find(path);
    // The links of a store lead nowhere.
    if (found === undefined || found.kind === 'symlink') return undefined;
    if (found.kind === 'folder') throw failure('EISDIR', call, path);
    return found;
  };

  const findFolder = (path: string, call: string): FolderNode | undefined => {
    const found = find(path);
    if (found === undefined || found.kind === 'folder') return found;
    throw failure('ENOTDIR', call, path);
  };

  /** The folder in which a name is to be made. */
  const above = (path: string, call: string): FolderNode => {
    const folder = findFolder(dirname(path), call);
    if (folder === undefined) throw failure('ENOENT', call, path);
    return folder;
  };

  return {
    stat(path) {
      const found = find(path);
      if (found === undefined) return undefined;
      const { kind, mtime, links, inode } = found;
      return { kind, size: sizeOf(found), mtime, links, inode };
    },
    list(path) {
      const folder = findFolder(path, 'scandir');
      return folder && Array.from(folder.names, ([name, { kind }]) => ({ name, kind }));
    },
    readWhole(path) {
      const file = findFile(path, 'read');
      return file && Buffer.from(file.room.subarray(0, file.size));
    },
    open(path) {
      const file = findFile(path, 'open');
      return file && openFile(path, file, false);
    },
    create(path) {
      const folder = above(path, 'open');
      if (folder.names.has(basename(path))) throw failure('EEXIST', 'open', path);
      const file = newFile();
      enter(folder, path, file);
      return openFile(path, file, true);
    },
    update(path) {
      const file = findFile(path, 'open') ?? newFile();
      if (file.links === 0) enter(above(path, 'open'), path, file);
      return openFile(path, file, true);
    },
    makeFolder(path) {
      if (find(path) !== undefined) return 'present';
      const folder = findFolder(dirname(path), 'mkdir');
      if (folder === undefined) return 'orphan';
      enter(folder, path, newFolder());
      return 'made';
    },
    rename(from, to) {
      const source = findFolder(dirname(from), 'rename');
      const moved = source?.names.get(basename(from));
      const target = findFolder(dirname(to), 'rename');
      if (source === undefined || moved === undefined || target === undefined) return false;
      const replaced = target.names.get(basename(to));
      // Two names of one file both stay: rename(), "refer to the same existing file".
      if (replaced === moved) return true;
      if (replaced !== undefined) makeWay(replaced, moved, to);
      leave(source, from, moved);
      if (replaced !== undefined) leave(target, to, replaced);
      enter(target, to, moved);
      return true;
    },
    link(from, to) {
      const file = find(from);
      if (file === undefined) throw failure('ENOENT', 'link', from);
      if (file.kind === 'folder') return 'refused';
      const folder = above(to, 'link');
      if (folder.names.has(basename(to))) return 'present';
      enter(folder, to, file);
      return 'made';
    },
    symlink(target, path) {
      const folder = above(path, 'symlink');
      if (folder.names.has(basename(path))) return false;
      enter(folder, path, { ...node(), kind: 'symlink', target });
      return true;
    },
    readLink(path) {
      const found = find(path);
      if (found === undefined) return undefined;
      if (found.kind !== 'symlink') throw failure('EINVAL', 'readlink', path);
      return found.target;
    },
    remove(path) {
      const found = find(path);
      if (found === undefined) return false;
      if (found.kind === 'folder') throw failure('EISDIR', 'unlink', path);
      leave(above(path, 'unlink'), path, found);
      return true;
    },
    removeFolder(path) {
      const found = findFolder(path, 'rmdir');
      if (found === undefined || found.names.size > 0) return false;
      leave(above(path, 'rmdir'), path, found);
      return true;
    },
    touch(path) {
      const found = find(path);
      if (found === undefined) throw failure('ENOENT', 'lutimes', path);
      found.mtime = Date.now();
    },
    async flushFolder(path) {
      if (findFolder(path, 'fsync') === undefined) throw failure('ENOENT', 'fsync', path);
    },
  };
}

function openFile(path: string, file: FileNode, writable: boolean): OpenFile {
  let isOpen = true;
  const check = (call: string, allowed = true): void => {
    if (!isOpen || !allowed) throw failure('EBADF', call, path);
  };
  const grow = (size: number): void => {
    if (size <= file.room.length) return;
    const room = new Uint8Array(Math.max(size, 2 * file.room.length));
    room.set(file.room);
    file.room = room;
  };
  return {
    path,
    size() {
      check('fstat');
      return file.size;
    },
    read(target, position) {
      check('read');
      const bytes = file.room.subarray(position, Math.max(position, file.size));
      target.set(bytes.subarray(0, target.length));
      return Math.min(bytes.length, target.length);
    },
    write(bytes, position) {
      check('write', writable);
      grow(position + bytes.length);
      file.room.set(bytes, position);
      file.size = Math.max(file.size, position + bytes.length);
      file.mtime = Date.now();
    },
    truncate(size) {
      check('ftruncate', writable);
      grow(size);
      file.room.fill(0, Math.min(size, file.size));
      file.size = size;
      file.mtime = Date.now();
    },
    async flush() {
      check('fsync');
    },
    close() {
      check('close');
      isOpen = false;
    },
  };
}

function enter(folder: FolderNode, path: string, node: AnyNode): void {
  folder.names.set(basename(path), node);
  node.links += 1;
  folder.mtime = Date.now();
}

function leave(folder: FolderNode, path: string, node: AnyNode): void {
  folder.names.delete(basename(path));
  node.links -= 1;
  folder.mtime = Date.now();
}

/** A file gives way to a file, an empty folder to a folder. */
function makeWay(replaced: AnyNode, moved: AnyNode, path: string): void {
  if (replaced.kind !== 'folder') {
    if (moved.kind === 'folder') throw failure('ENOTDIR', 'rename', path);
    return;
  }
  if (moved.kind !== 'folder') throw failure('EISDIR', 'rename', path);
  if (replaced.names.size > 0) throw failure('ENOTEMPTY', 'rename', path);
}

function sizeOf(node: AnyNode): number {
  switch (node.kind) {
    case 'file':
      return node.size;
    case 'folder':
      return 0;
    case 'symlink':
      return node.target.length;
  }
}

/** As the operating system tells it. */
function failure(code: string, syscall: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${syscall} '${path}'`), { code, syscall, path });
}
