import { setImmediate as yieldToOthers } from 'node:timers/promises';
import type { Contents } from '../tree/contents.ts';
import type { FileNode, Tree } from '../tree/tree.ts';
import { walkTree } from '../tree/walk.ts';

const sliceSize = 1 << 20;

/** Reads every file once, which compares it with its digest. @throws what `Contents.readInto` throws. */
export async function readThrough(
  { tree, contents }: { readonly tree: Tree; readonly contents: Contents },
  signal: AbortSignal | undefined,
): Promise<void> {
  const slice = new Uint8Array(sliceSize);
  const read = new Set<FileNode>();
  let work = 0;
  for (const { node } of walkTree(tree)) {
    if (node.kind !== 'file' || read.has(node)) continue;
    read.add(node);
    for (let at = 0; at < node.content.size; at += sliceSize) {
      const piece = slice.subarray(0, node.content.size - at);
      contents.readInto(node.content, at, piece);
      work += piece.length;
      if (work < sliceSize) continue;
      work = 0;
      await yieldToOthers();
      signal?.throwIfAborted();
    }
  }
}
