import type { DiffID, Digest, Extent } from '../../store/index.ts';
import type { SyncAccess } from './access.ts';

/** Where the bytes of a file lie: in a layer's tar, in a finished file system, or here. */
export type Content =
  | {
      readonly kind: 'layer';
      readonly layer: DiffID;
      readonly offset: number;
      readonly size: number;
      readonly digest: Digest;
      readonly extents?: readonly Extent[];
    }
  | {
      readonly kind: 'access';
      readonly access: SyncAccess;
      readonly offset: number;
      readonly size: number;
      /** Nothing but the bytes tells it: they are read when it is asked for. */
      readonly digest: Digest;
    }
  | {
      readonly kind: 'bytes';
      readonly bytes: Uint8Array;
      readonly size: number;
      readonly digest: Digest;
    };

export interface Attributes {
  /** Permission bits with setuid, setgid and sticky: 0 to 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since 1970. */
  readonly mtime: number;
  /** Extended attributes by name; each value is base64 of its bytes. */
  readonly xattrs?: Readonly<Record<string, string>>;
}

/** Hard links are one `FileNode` object under several names: identity is the inode. */
export interface FileNode extends Attributes {
  readonly kind: 'file';
  readonly content: Content;
}

export interface DirectoryNode extends Attributes {
  readonly kind: 'directory';
  /** By name, in the order the layers brought them. */
  readonly entries: ReadonlyMap<string, Node>;
}

export interface SymlinkNode extends Attributes {
  readonly kind: 'symlink';
  readonly target: string;
}

export interface SpecialNode extends Attributes {
  readonly kind: 'special';
  readonly type: 'character' | 'block' | 'fifo';
  readonly major: number;
  readonly minor: number;
}

export type Node = FileNode | DirectoryNode | SymlinkNode | SpecialNode;

/** A whole file system as data. Never changed in place: an edit returns a new tree. */
export interface Tree {
  readonly root: DirectoryNode;
}
