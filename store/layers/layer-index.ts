import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import type { DiffID } from '../digest.ts';
import type { Entry, LayerIndex } from '../entry.ts';
import { StoreError } from '../error.ts';
import type { Files, OpenFile } from '../files/files.ts';
import { reading } from '../files/reading.ts';
import type { Layout } from '../layout.ts';

/**
 * `layers/v2/…/index`: a line of JSON with the head, then the entries as a JSON array, a line each.
 * Both are described by schemas/layer-index.schema.json. The digest of what follows the head stands
 * in it, so that a flipped bit is noticed and the entries need no other check when they are read.
 */
export interface IndexHead {
  readonly version: 2;
  readonly diffID: string;
  readonly size: number;
  /** Of entries, for who wants no more than that. */
  readonly count: number;
  readonly digest: string;
}

/** In bytes: more than two digests and two numbers take. */
const longestHead = 512;

/** Read and parsed at a time: a large index is nowhere whole but in its entries. */
const sliceSize = 2 ** 20;

/** What the head says, without reading the entries. */
export interface LayerSummary {
  /** Bytes of the uncompressed tar. */
  readonly size: number;
  /** How many entries there are. */
  readonly count: number;
}

/**
 * Undefined where there is no index: the layer was never taken in.
 * @throws StoreError `STORE_CORRUPT` for a head that is none.
 */
export function readLayerSummary(
  files: Files,
  layout: Layout,
  diffID: DiffID,
): LayerSummary | undefined {
  return withIndex(files, layout, diffID, (file) => readHead(file, diffID).head);
}

/**
 * Undefined where there is no index: the layer was never taken in.
 * @throws StoreError `STORE_CORRUPT`.
 */
export function readLayerIndex(
  files: Files,
  layout: Layout,
  diffID: DiffID,
): LayerIndex | undefined {
  return withIndex(files, layout, diffID, (file) => {
    const { head, length } = readHead(file, diffID);
    const hash = createHash('sha256');
    const entries: Entry[] = [];
    for (const { bytes, place } of slicesOf(file, length)) {
      hash.update(bytes);
      for (const entry of parseSlice(bytes.toString('utf8'), place)) entries.push(entry);
    }
    const found = `sha256:${hash.digest('hex')}`;
    if (found !== head.digest) {
      throw indexCorrupt(file.path, diffID, `entries with the digest ${found}`, head.digest);
    }
    if (entries.length !== head.count) {
      throw indexCorrupt(file.path, diffID, `${entries.length} entries`, `${head.count}`);
    }
    return { diffID, size: head.size, entries };
  });
}

function withIndex<T>(
  files: Files,
  layout: Layout,
  diffID: DiffID,
  use: (file: OpenFile) => T,
): T | undefined {
  const { index: path } = layout.layer(diffID);
  const file = reading(diffID, path, () => files.open(path));
  if (file === undefined) return undefined;
  try {
    return reading(diffID, path, () => use(file));
  } finally {
    file.close();
  }
}

const newline = 0x0a;

/** The head with which a file begins, and how many bytes it takes. */
function readHead(file: OpenFile, diffID: DiffID): { head: IndexHead; length: number } {
  const room = Buffer.allocUnsafe(longestHead);
  const bytes = room.subarray(0, file.read(room, 0));
  const length = bytes.indexOf(newline) + 1;
  const head = parseHead(bytes.toString('utf8', 0, length));
  if (head === undefined) throw indexCorrupt(file.path, diffID, 'no head', 'the index of a layer');
  if (head.diffID === diffID) return { head, length };
  throw indexCorrupt(file.path, diffID, `the index of ${head.diffID}`, `that of ${diffID}`);
}

/** Whole lines of the entries. The bytes are there until the next slice is asked for. */
interface Slice {
  readonly bytes: Buffer;
  readonly place: { readonly isFirst: boolean; readonly isLast: boolean };
}

function* slicesOf(file: OpenFile, start: number): Generator<Slice, void> {
  const size = file.size();
  let room = Buffer.allocUnsafe(Math.min(sliceSize, size - start));
  let held = 0;
  let isFirst = true;
  for (let at = start; at < size; ) {
    const count = file.read(room.subarray(held, held + size - at), at);
    at += count;
    held += count;
    const isLast = at === size || count === 0;
    const end = isLast ? held : room.lastIndexOf(newline, held - 1) + 1;
    if (end > 0) {
      yield { bytes: room.subarray(0, end), place: { isFirst, isLast } };
      isFirst = false;
    }
    if (isLast) return;
    room.copyWithin(0, end, held);
    held -= end;
    // A line of many attributes or extents may be longer than a slice.
    if (held === room.length) room = Buffer.concat([room], 2 * room.length);
  }
}

/** No entries where the bytes are none: that their digest is another one is more to the point. */
function parseSlice(text: string, { isFirst, isLast }: Slice['place']): readonly Entry[] {
  const inner = text.endsWith(',\n') ? text.slice(0, -2) : text;
  try {
    return JSON.parse(`${isFirst ? '' : '['}${inner}${isLast ? '' : ']'}`);
  } catch {
    return [];
  }
}

function indexCorrupt(path: string, digest: DiffID, found: string, wanted: string): StoreError {
  return new StoreError('STORE_CORRUPT', `reading ${path}: found ${found}, wanted ${wanted}`, {
    digest,
    hint: 'osv-convert store verify --repair',
  });
}

function parseHead(line: string): IndexHead | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  const { version, diffID, size, count, digest } = Object(value) as Record<string, unknown>;
  const isHead =
    version === 2 &&
    typeof diffID === 'string' &&
    typeof digest === 'string' &&
    Number.isSafeInteger(size) &&
    Number.isSafeInteger(count);
  return isHead ? (value as IndexHead) : undefined;
}
