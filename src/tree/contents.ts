import { readSync } from 'node:fs';
import { type Layer, StoreError } from '../../store/index.ts';
import { ConvertError } from '../error.ts';
import type { Content, FileNode } from './tree.ts';

/** The bytes behind the contents of a tree. */
export interface Contents {
  /**
   * Fills `target` with the bytes of `content` from `position` on, holes as zeros.
   * @throws RangeError for bytes that the content has not.
   * @throws StoreError `BLOB_MISSING` for a layer that is not open here, `STORE_CORRUPT` when its tar ends
   * early or cannot be read.
   */
  readInto(content: Content, position: number, target: Uint8Array): void;
}

/** Bytes that can be read at any position at once, for parsers that seek. */
export interface SyncAccess {
  /** In bytes. */
  readonly size: number;
  /** Exactly `length` bytes from `offset`, fewer only at the end. */
  read(offset: number, length: number): Uint8Array;
}

/** Contents that lie in `layers`, which must stay open as long as it is used. */
export function openContents(layers: readonly Layer[]): Contents {
  const byID = new Map(layers.map((layer) => [layer.diffID, layer]));

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
    const layer = byID.get(content.layer);
    if (!layer) {
      throw new StoreError(
        'BLOB_MISSING',
        `reading a file of layer ${content.layer}: found the layer not open, wanted it open`,
      );
    }
    if (content.extents) readSparse(layer, content.extents, position, target);
    else readExactly(layer, content.offset + position, target);
  }

  return { readInto };
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
  let done = 0;
  while (done < target.length) {
    const read = readSome(layer, offset + done, target.subarray(done));
    if (read === 0) {
      throw new StoreError(
        'STORE_CORRUPT',
        `reading layer ${layer.diffID}: found its end at byte ${offset + done}, ` +
          `wanted ${target.length - done} bytes more`,
      );
    }
    done += read;
  }
}

function readSome(layer: Layer, offset: number, target: Uint8Array): number {
  try {
    return readSync(layer.fd, target, 0, target.length, offset);
  } catch (cause) {
    throw new StoreError(
      'STORE_CORRUPT',
      `reading layer ${layer.diffID}: found an error at byte ${offset}, wanted ${target.length} bytes`,
      { cause },
    );
  }
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

export function contentAccess(contents: Contents, content: Content): SyncAccess {
  return {
    size: content.size,
    read(offset, length) {
      const bytes = new Uint8Array(Math.max(0, Math.min(length, content.size - offset)));
      if (bytes.length > 0) contents.readInto(content, offset, bytes);
      return bytes;
    },
  };
}
