import {
  type EntryPath,
  type Metadata,
  type TarEntry,
  tarEnd,
  tarHeader,
  tarPadding,
} from '../../store/index.ts';
import { createLinkCount } from '../look/link-count.ts';
import type { Contents } from '../tree/contents.ts';
import type { Content, Node, Tree } from '../tree/tree.ts';
import { walkTree } from '../tree/walk.ts';
import { type Run, storedRuns } from './stored-runs.ts';

/** Bytes that come one after the other, each part read where it is to lie. */
interface Part {
  readonly size: number;
  readInto(position: number, target: Uint8Array): void;
}

const pieceSize = 2 ** 20;

/**
 * A tree as one tar, the root first as `./`, names in the order of their bytes: equal trees give equal
 * bytes, whatever layers they came in. Comes in pieces of 1 MiB, each a buffer of its own.
 *
 * Of nodes with several names all but the first are hard links to that. Files with holes remain sparse: a
 * few bytes of an image may stand for gigabytes of zeros. Devices, whiteout devices of a layer among them,
 * are members like any other.
 *
 * @throws StoreError as `Contents.readInto` does.
 */
export async function* treeTar(
  tree: Tree,
  options: { readonly contents: Contents },
): AsyncGenerator<Uint8Array, void> {
  let piece = Buffer.allocUnsafe(pieceSize);
  let used = 0;
  for (const { size, readInto } of partsOf(tree, options)) {
    for (let at = 0; at < size; ) {
      const length = Math.min(size - at, pieceSize - used);
      readInto(at, piece.subarray(used, used + length));
      at += length;
      used += length;
      if (used === pieceSize) {
        yield piece;
        piece = Buffer.allocUnsafe(pieceSize);
        used = 0;
      }
    }
  }
  if (used > 0) yield piece.subarray(0, used);
}

function* partsOf(
  tree: Tree,
  { contents }: { readonly contents: Contents },
): Generator<Part, void> {
  const linksOf = createLinkCount(tree);
  /** Only of what has more: an image may have a million files. */
  const firstNames = new Map<Node, EntryPath>();
  for (const { path: absolute, node } of walkTree(tree)) {
    const metadata = metadataOf(node, absolute.slice(1));
    const target = firstNames.get(node);
    if (target !== undefined) {
      yield bytesPart(tarHeader({ ...metadata, kind: 'hardlink', target }));
      continue;
    }
    if (node.kind !== 'directory' && linksOf(node) > 1) firstNames.set(node, metadata.path);
    yield bytesPart(tarHeader(entryOf(node, metadata)));
    if (node.kind === 'file') yield* contentParts(node.content, contents);
  }
  yield bytesPart(tarEnd);
}

function metadataOf(node: Node, path: EntryPath): Metadata {
  const { mode, uid, gid, mtime, xattrs } = node;
  return { path, mode, uid, gid, mtime, ...(xattrs && { xattrs }) };
}

function entryOf(node: Node, metadata: Metadata): TarEntry {
  switch (node.kind) {
    case 'directory':
      return { ...metadata, kind: 'directory' };
    case 'symlink':
      return { ...metadata, kind: 'symlink', target: node.target };
    case 'special': {
      const { type, major, minor } = node;
      return { ...metadata, kind: 'special', type, major, minor };
    }
    case 'file': {
      const runs = storedRuns(node.content);
      return { ...metadata, kind: 'file', size: node.content.size, ...(runs && { runs }) };
    }
  }
}

/** The body of a file. Holes are read too, and dropped: so the whole is compared with its digest. */
function* contentParts(content: Content, contents: Contents): Generator<Part, void> {
  let end = 0;
  let stored = 0;
  for (const { position, length } of storedRuns(content) ?? [whole(content)]) {
    readHole(content, contents, end, position);
    yield {
      size: length,
      readInto: (at, target) => contents.readInto(content, position + at, target),
    };
    end = position + length;
    stored += length;
  }
  readHole(content, contents, end, content.size);
  yield bytesPart(tarPadding(stored));
}

function whole({ size }: Content): Run {
  return { position: 0, length: size };
}

function readHole(content: Content, contents: Contents, from: number, end: number): void {
  for (let at = from; at < end; at += hole.length) {
    contents.readInto(content, at, hole.subarray(0, end - at));
  }
}

const hole = Buffer.alloc(pieceSize);

function bytesPart(bytes: Uint8Array): Part {
  return {
    size: bytes.length,
    readInto: (at, target) => target.set(bytes.subarray(at, at + target.length)),
  };
}
