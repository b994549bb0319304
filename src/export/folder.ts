import { setImmediate as yieldToOthers } from 'node:timers/promises';
import type { Contents } from '../tree/contents.ts';
import type { Tree } from '../tree/tree.ts';
import { type Cursor, openCursor } from './folder-cursor.ts';
import { openLinkPool } from './folder-links.ts';
import { createLosses } from './folder-losses.ts';
import { checkNames } from './folder-names.ts';
import { createSettler } from './folder-settle.ts';
import { writeTree } from './folder-writer.ts';
import { measureTree } from './measure.ts';
import { openPrivateFolder } from './private-folder.ts';

export interface WriteFolderOptions {
  readonly contents: Contents;
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

/** Work between two turns of others: bytes, and as many for a name as take as long. */
const turn = 1 << 20;
const nameCost = 1 << 14;

/**
 * Writes a tree to the folder `path`, which must be new or empty, the one place where a name of an image
 * becomes a name of the host. The folder is written beside `path` under a name of its own and for its
 * owner alone; it has its place only when it is whole, and after a failure or an abort nothing is left.
 *
 * No link is ever followed, neither one of the image nor one that another process puts there meanwhile:
 * every call names one component in a folder that is held open. A folder (no link) which another
 * process of the same user moves into the one that is written is taken for a part of it.
 *
 * Owners are kept in the extended attribute `user.rootlesscontainers`, as umoci does, `user.*` attributes
 * as they are, both by setfattr(1); times to the microsecond. Devices and pipes become empty files.
 * Nothing is flushed to the disk.
 *
 * @throws ConvertError `OUTPUT_UNUSABLE`, `OUTPUT_FULL`; `LAYER_CORRUPT` for names that no folder can have;
 * what `Contents.readInto` throws; the signal's reason.
 */
export async function writeFolder(
  tree: Tree,
  path: string,
  { contents, signal, onProgress, onWarning }: WriteFolderOptions,
): Promise<WrittenFolder> {
  signal?.throwIfAborted();
  checkNames(tree);
  const { files, bytes, names } = measureTree(tree);
  const folder = openPrivateFolder(path);
  const losses = createLosses();
  const settler = createSettler(losses);
  const links = openLinkPool(folder.fd, tree.root, names);
  let cursor: Cursor | undefined;
  try {
    cursor = openCursor(folder.open());
    const parts = { cursor, contents, links, settler, losses, path };
    let written = 0;
    let work = 0;
    for (const piece of writeTree(tree, parts)) {
      written += piece;
      work += piece + nameCost;
      if (work < turn) continue;
      work = 0;
      onProgress?.({ written, size: bytes });
      await yieldToOthers();
      signal?.throwIfAborted();
    }
    folder.commit();
    onProgress?.({ written, size: bytes });
  } finally {
    settler.close();
    links.close();
    cursor?.close();
    folder.discard();
  }
  for (const sentence of losses.sentences()) onWarning?.(sentence);
  return { files, bytes };
}
