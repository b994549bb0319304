import { type Digest, digestOf } from '../../store/index.ts';
import type { SyncAccess } from './access.ts';
import type { Attributes, DirectoryNode, FileNode, Node, SymlinkNode } from './tree.ts';

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

/** A part of another file, whose bytes stay where they are; its digest is made when it is asked for. */
export function fileOfAccess(
  access: SyncAccess,
  offset: number,
  size: number,
  mode = 0o644,
): FileNode {
  let digest: Digest | undefined;
  const content = {
    kind: 'access',
    access,
    offset,
    size,
    get digest() {
      digest ??= digestOf(access.read(offset, size));
      return digest;
    },
  } as const;
  return { ...ofRoot(mode), kind: 'file', content };
}

function ofRoot(mode: number): Attributes {
  return { mode, uid: 0, gid: 0, mtime: 0 };
}
