import type { Contents } from '../tree/contents.ts';
import type { Tree } from '../tree/tree.ts';

export interface WriteFolderOptions {
  readonly contents: Contents;
  /** Seconds since 1970, in place of every time in the tree. */
  readonly mtime?: number;
  readonly signal?: AbortSignal;
  /** In bytes of files. */
  readonly onProgress?: (progress: { readonly written: number; readonly size: number }) => void;
  /** What could not be kept as it is, in a sentence each. */
  readonly onWarning?: (text: string) => void;
}

export interface WrittenFolder {
  readonly files: number;
  readonly bytes: number;
}

/** Writes a tree to the folder `path`, which must be new or empty. */
export async function writeFolder(
  _tree: Tree,
  _path: string,
  _options: WriteFolderOptions,
): Promise<WrittenFolder> {
  throw new Error('being written');
}
