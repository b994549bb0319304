import { setImmediate as turn } from 'node:timers/promises';
import type { Content, FileNode } from '../tree/tree.ts';
import { notFound, requirePath } from './found.ts';
import { kindOf, type NodeKind } from './node-summary.ts';
import type { View } from './view.ts';

/** In bytes. */
const sliceSize = 2 ** 20;

export interface CatOptions {
  /** Called with the bytes in their order; the slice is overwritten by the next. */
  readonly write: (slice: Uint8Array) => Promise<void>;
  readonly signal?: AbortSignal;
}

/**
 * Writes the bytes of the regular files at `paths`, links followed, holes as zeros. Files of layers are
 * first read to their ends and compared with their digests, so that no byte is written that is not the
 * image's. Where a path leads to no file, those before it are written.
 * @throws ConvertError `PATH_NOT_FOUND`; StoreError as `Contents.readInto`; what `write` throws.
 */
export async function cat(
  view: View,
  paths: readonly string[],
  { write, signal }: CatOptions,
): Promise<void> {
  const contents: Content[] = [];
  let failure: unknown;
  for (const path of paths) {
    try {
      contents.push(requireFile(view, path).content);
    } catch (error) {
      failure = error;
      break;
    }
  }
  const slice = new Uint8Array(sliceSize);
  const read = async (content: Content, take: CatOptions['write']): Promise<void> => {
    for (let at = 0; at < content.size; at += sliceSize) {
      await turn();
      signal?.throwIfAborted();
      const part = slice.subarray(0, content.size - at);
      view.contents.readInto(content, at, part);
      await take(part);
    }
  };
  for (const content of contents) {
    if (content.kind === 'layer') await read(content, async () => undefined);
  }
  for (const content of contents) await read(content, write);
  if (failure !== undefined) throw failure;
}

/** @throws ConvertError `PATH_NOT_FOUND`. */
function requireFile(view: View, path: string): FileNode {
  const { path: place, node } = requirePath(view, path);
  if (node.kind === 'file') return node;
  const folder = node.kind === 'directory' ? place : place.slice(0, place.lastIndexOf('/')) || '/';
  throw notFound(view, path, folder, words[kindOf(node)], 'a regular file');
}

const words: Readonly<Record<NodeKind, string>> = {
  file: 'a file',
  directory: 'a folder',
  symlink: 'a link',
  character: 'a character device',
  block: 'a block device',
  fifo: 'a named pipe',
};
