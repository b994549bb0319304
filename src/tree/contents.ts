import { type DiffID, type Layer, StoreError } from '../../store/index.ts';
import { ConvertError } from '../error.ts';
import type { SyncAccess } from './access.ts';
import { createReadCheck, type LayerContent } from './read-check.ts';
import type { Content, FileNode } from './tree.ts';

/** The bytes behind the contents of a tree. */
export interface Contents {
  /**
   * Fills `target` with the bytes of `content` from `position` on, holes as zeros. A file of a layer
   * that is read in sequence, from its first byte to its last, is compared with its digest as the
   * last is read.
   * @throws RangeError for bytes that the content has not.
   * @throws StoreError `BLOB_MISSING` for a layer that is not open here; `STORE_CORRUPT`, with the layer
   * as its digest, when its tar ends early or the file is not what it was.
   */
  readInto(content: Content, position: number, target: Uint8Array): void;
}

/** Contents that know what was read of them. */
export interface LayerContents extends Contents {
  /**
   * Compares with their digests the files of layers that were read in parts only.
   * @throws StoreError as `readInto` does.
   */
  verifyRead(): void;
}

/** Bytes that are read at one time where nothing is done with them but to hash them. */
const sliceSize = 2 ** 20;

/** Contents that lie in `layers`, which must stay open as long as it is used, and may become more. */
export function openContents(layers: Pick<ReadonlyMap<DiffID, Layer>, 'get'>): LayerContents {
  const check = createReadCheck();

  function readInto(content: Content, position: number, target: Uint8Array): void {
    if (!(position >= 0 && position + target.length <= content.size)) {
      throw new RangeError(
        `bytes ${position} to ${position + target.length} of a content of ${content.size}`,
      );
    }
    if (content.kind === 'bytes') {
      target.set(content.bytes.subarray(position, position + target.length));
      return;
    }
    if (content.kind === 'access') {
      target.set(content.access.read(content.offset + position, target.length));
      return;
    }
    const layer = layers.get(content.layer);
    if (!layer) {
      throw new StoreError(
        'BLOB_MISSING',
        `reading a file of layer ${content.layer}: found the layer not open, wanted it open`,
      );
    }
    if (content.extents) readSparse(layer, content.extents, position, target);
    else readExactly(layer, content.offset + position, target);
    if (target.length === 0) return;
    const found = check.take(content, position, target);
    if (found !== undefined && found !== content.digest) throw changed(layer, content, found);
  }

  function verifyRead(): void {
    const slice = new Uint8Array(sliceSize);
    for (const content of [...check.unchecked]) {
      for (let at = 0; at < content.size; at += sliceSize) {
        readInto(content, at, slice.subarray(0, content.size - at));
      }
    }
  }

  return { readInto, verifyRead };
}

type Extents = NonNullable<Extract<Content, { kind: 'layer' }>['extents']>;

function readSparse(layer: Layer, extents: Extents, position: number, target: Uint8Array): void {
  const end = position + target.length;
  target.fill(0);
  for (let i = firstEndingAfter(extents, position); ; i += 1) {
    const extent = extents[i];
    if (!extent || extent.position >= end) return;
    const from = Math.max(extent.position, position);
    const to = Math.min(extent.position + extent.length, end);
    const offset = extent.offset + (from - extent.position);
    readExactly(layer, offset, target.subarray(from - position, to - position));
  }
}

/** Extents ascend; a file can have a hundred thousand of them and is read in slices. */
function firstEndingAfter(extents: Extents, position: number): number {
  let low = 0;
  let high = extents.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const extent = extents[middle];
    if (extent && extent.position + extent.length <= position) low = middle + 1;
    else high = middle;
  }
  return low;
}

function readExactly(layer: Layer, offset: number, target: Uint8Array): void {
  const found = layer.readInto(target, offset);
  if (found === target.length) return;
  throw new StoreError(
    'STORE_CORRUPT',
    `reading layer ${layer.diffID}: found its end at byte ${offset + found}, ` +
      `wanted ${target.length - found} bytes more`,
    { digest: layer.diffID, hint: 'osv-convert store verify --repair' },
  );
}

function changed(layer: Layer, { offset, digest }: LayerContent, found: string): StoreError {
  const { diffID, index } = layer;
  const path = index.entries.find(
    (entry) => entry.kind === 'file' && entry.offset === offset && entry.digest === digest,
  )?.path;
  return new StoreError(
    'STORE_CORRUPT',
    `reading ${JSON.stringify(path)} of layer ${diffID}: found bytes of digest ${found}, wanted ${digest}`,
    { digest: diffID, hint: 'osv-convert store verify --repair' },
  );
}

/**
 * The bytes of a file, for parsers; `cap` is the most a parser may be given.
 * @throws ConvertError `LAYER_LIMIT` for a file above `cap` bytes. For others see `Contents.readInto`.
 */
export function readFile(contents: Contents, node: FileNode, cap: number): Uint8Array {
  const { content } = node;
  if (content.size > cap) {
    throw new ConvertError(
      'LAYER_LIMIT',
      `reading a file whole: found ${content.size} bytes, wanted at most ${cap}`,
    );
  }
  const bytes = new Uint8Array(content.size);
  contents.readInto(content, 0, bytes);
  return bytes;
}

const accesses = new WeakMap<Contents, WeakMap<Content, SyncAccess>>();

/** One access for each content, so that what was read of it can be known by that. */
export function contentAccess(contents: Contents, content: Content): SyncAccess {
  const known = accesses.get(contents) ?? new WeakMap<Content, SyncAccess>();
  accesses.set(contents, known);
  const access = known.get(content) ?? accessOf(contents, content);
  known.set(content, access);
  return access;
}

function accessOf(contents: Contents, content: Content): SyncAccess {
  return {
    size: content.size,
    read(offset, length) {
      const bytes = new Uint8Array(Math.max(0, Math.min(length, content.size - offset)));
      if (bytes.length > 0) contents.readInto(content, offset, bytes);
      return bytes;
    },
  };
}
