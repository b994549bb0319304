import type { DiffID, Digest } from './digest.ts';

/**
 * A path inside an image: components joined by `/`, no leading or trailing slash, no `.` or `..`,
 * `''` for the root. Bytes that are not UTF-8 are lone surrogates U+DC80 to U+DCFF (see name.ts).
 */
export type EntryPath = string;

/** What a member of a tar has whatever it is; whiteouts have only their path. */
export interface Metadata {
  readonly path: EntryPath;
  /** Permission bits with setuid, setgid and sticky: 0 to 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since 1970, possibly negative or fractional. */
  readonly mtime: number;
  /** Extended attributes by name; each value is base64 of its bytes. */
  readonly xattrs?: Readonly<Record<string, string>>;
}

/** A run of a file's bytes that is stored in the tar. Between runs, and up to the size, are zeros. */
export interface Extent {
  /** Position in the file. */
  readonly position: number;
  /** Position in the layer's uncompressed tar. */
  readonly offset: number;
  readonly length: number;
}

/** A regular file. Its bytes lie in the tar, from `offset` on. */
export interface FileEntry extends Metadata {
  readonly kind: 'file';
  /** Bytes of the file, holes included. */
  readonly size: number;
  /** Where the bytes begin in the layer's uncompressed tar, when there are no holes. */
  readonly offset: number;
  /** sha256 of the file's bytes, holes included. */
  readonly digest: Digest;
  /** Present only for sparse files; `offset` is then that of the first stored byte. */
  readonly extents?: readonly Extent[];
}

export interface DirectoryEntry extends Metadata {
  readonly kind: 'directory';
}

export interface SymlinkEntry extends Metadata {
  readonly kind: 'symlink';
  /** As written in the tar: data, never a path on the host. */
  readonly target: string;
}

/** A second name of the file at `target`. */
export interface HardlinkEntry extends Metadata {
  readonly kind: 'hardlink';
  readonly target: EntryPath;
}

/** A device or a named pipe; the numbers mean nothing for a pipe. */
export interface SpecialEntry extends Metadata {
  readonly kind: 'special';
  readonly type: 'character' | 'block' | 'fifo';
  readonly major: number;
  readonly minor: number;
}

/** `.wh.NAME`: `path` and all below it in lower layers is gone (OCI image-spec, layer.md "Whiteouts"). */
export interface WhiteoutEntry {
  readonly kind: 'whiteout';
  readonly path: EntryPath;
}

/** `.wh..wh..opq`: what lower layers have below the folder `path` is hidden. */
export interface OpaqueEntry {
  readonly kind: 'opaque';
  readonly path: EntryPath;
}

/** One member of the tar of a layer (OCI image-spec, layer.md), told apart by `kind`. */
export type Entry =
  | FileEntry
  | DirectoryEntry
  | SymlinkEntry
  | HardlinkEntry
  | SpecialEntry
  | WhiteoutEntry
  | OpaqueEntry;

/** What a layer holds, in the order of its tar. */
export interface LayerIndex {
  readonly diffID: DiffID;
  /** Bytes of the uncompressed tar. */
  readonly size: number;
  readonly entries: readonly Entry[];
}
