import { Buffer } from 'node:buffer';
import { basename, dirname } from 'node:path';
import type { Files } from './files.ts';
import { openMemoryFile } from './memory-file.ts';
import {
  type AnyNode,
  enter,
  type FileNode,
  type FolderNode,
  failure,
  leave,
  makeWay,
  type Node,
  sizeOf,
} from './memory-node.ts';

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
      return file && openMemoryFile(path, file, false);
    },
    create(path) {
      const folder = above(path, 'open');
      if (folder.names.has(basename(path))) throw failure('EEXIST', 'open', path);
      const file = newFile();
      enter(folder, path, file);
      return openMemoryFile(path, file, true);
    },
    update(path) {
      const file = findFile(path, 'open') ?? newFile();
      if (file.links === 0) enter(above(path, 'open'), path, file);
      return openMemoryFile(path, file, true);
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
