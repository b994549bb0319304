import { basename } from 'node:path';

/** What a file, a folder and a link have, whatever names they have. */
export interface Node {
  readonly inode: number;
  mtime: number;
  /** How many names it has. */
  links: number;
}

export interface FileNode extends Node {
  readonly kind: 'file';
  size: number;
  /** At least `size` bytes, so that appending need not copy; those behind it are zeros. */
  room: Uint8Array;
}

export interface FolderNode extends Node {
  readonly kind: 'folder';
  readonly names: Map<string, AnyNode>;
}

export interface SymlinkNode extends Node {
  readonly kind: 'symlink';
  readonly target: string;
}

export type AnyNode = FileNode | FolderNode | SymlinkNode;

export function enter(folder: FolderNode, path: string, node: AnyNode): void {
  folder.names.set(basename(path), node);
  node.links += 1;
  folder.mtime = Date.now();
}

export function leave(folder: FolderNode, path: string, node: AnyNode): void {
  folder.names.delete(basename(path));
  node.links -= 1;
  folder.mtime = Date.now();
}

/** A file gives way to a file, an empty folder to a folder. */
export function makeWay(replaced: AnyNode, moved: AnyNode, path: string): void {
  if (replaced.kind !== 'folder') {
    if (moved.kind === 'folder') throw failure('ENOTDIR', 'rename', path);
    return;
  }
  if (moved.kind !== 'folder') throw failure('EISDIR', 'rename', path);
  if (replaced.names.size > 0) throw failure('ENOTEMPTY', 'rename', path);
}

export function sizeOf(node: AnyNode): number {
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
export function failure(code: string, syscall: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${syscall} '${path}'`), { code, syscall, path });
}
