/**
 * The calls of the operating system that a store is made of. The store does all its work on files
 * through them, so that it runs on other ground too: in memory (memory.ts), or, in tests,
 * where calls fail and power is cut.
 *
 * All but flushing is synchronous: on the page cache such calls take microseconds, and a promise
 * costs more than they do. What is expected to happen now and then is told by the result; anything
 * else is thrown as the operating system tells it.
 */
export interface Files {
  /** Of the file itself, where it is a symbolic link. Undefined where there is none. */
  stat(path: string): FileStat | undefined;
  /** The names in a folder, in no order. Undefined where there is none. */
  list(folder: string): readonly ListedFile[] | undefined;
  /** The whole file. Undefined where there is none. */
  readWhole(path: string): Uint8Array | undefined;
  /** For reading. Undefined where there is none. */
  open(path: string): OpenFile | undefined;
  /** For reading and writing; fails where there is one. */
  create(path: string): OpenFile;
  /** For reading and writing, made where there is none. */
  update(path: string): OpenFile;
  /** One folder. `orphan`: the one above it is missing, and nothing was made. */
  makeFolder(path: string): 'made' | 'present' | 'orphan';
  /** A file at `to` gives way, in one step. False where there is none at `from`. */
  rename(from: string, to: string): boolean;
  /** A second name. `refused`: this file system has none, or no more of this file. */
  link(from: string, to: string): 'made' | 'present' | 'refused';
  /** False where there is something already. */
  symlink(target: string, path: string): boolean;
  /** What a symbolic link says. Undefined where there is none. */
  readLink(path: string): string | undefined;
  /** Of a file. False where there is none. */
  remove(path: string): boolean;
  /** Of an empty folder. False where it is not empty, or there is none. */
  removeFolder(path: string): boolean;
  /** Sets the time of the last change to now; of the link itself, where it is one. */
  touch(path: string): void;
  /** Makes the names in a folder durable. */
  flushFolder(path: string): Promise<void>;
}

/** What a file says of itself. */
export interface FileStat {
  readonly kind: FileKind;
  /** In bytes. */
  readonly size: number;
  /** Of the last change, in milliseconds since 1970. */
  readonly mtime: number;
  /** How many names the file has, and the number they share. */
  readonly links: number;
  readonly inode: number;
}

/** `other`: devices, pipes, sockets. */
export type FileKind = 'file' | 'folder' | 'symlink' | 'other';

/** A name in a folder. */
export interface ListedFile {
  readonly name: string;
  readonly kind: FileKind;
}

/** A file that was opened; it can be read and written until it is closed, whatever its name means. */
export interface OpenFile {
  readonly path: string;
  /** In bytes. */
  size(): number;
  /** Fills `target` from `position` on; returns how many bytes there were, fewer only at the end. */
  read(target: Uint8Array, position: number): number;
  /** All of `bytes`, at `position`. */
  write(bytes: Uint8Array, position: number): void;
  truncate(size: number): void;
  /** Makes the bytes durable. */
  flush(): Promise<void>;
  close(): void;
}
