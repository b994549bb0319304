import { digestOf } from '../../store/index.ts';
import type { Attributes, Content, DirectoryNode, FileNode, Node, SymlinkNode } from './tree.ts';

/** Nodes made here, not taken from a layer: root's, and of no time, so that they are always equal. */

export function directory(
  entries: ReadonlyMap<string, Node> = new Map(),
  attributes: Attributes = ofRoot(0o755),
): DirectoryNode {
  return { ...attributes, kind: 'directory', entries };
}

export function symlink(target: string): SymlinkNode {
  return { ...ofRoot(0o777), kind: 'symlink', target };
}

export function fileOfBytes(bytes: Uint8Array, mode = 0o644): FileNode {
  const content = { kind: 'bytes', bytes, size: bytes.length, digest: digestOf(bytes) } as const;
  return { ...ofRoot(mode), kind: 'file', content };
}

export function fileOf(content: Content, mode = 0o644): FileNode {
  return { ...ofRoot(mode), kind: 'file', content };
}

function ofRoot(mode: number): Attributes {
  return { mode, uid: 0, gid: 0, mtime: 0 };
}
