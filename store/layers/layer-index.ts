import { Buffer } from 'node:buffer';
import { type DiffID, digestOf } from '../digest.ts';
import type { Entry, LayerIndex } from '../entry.ts';
import { StoreError } from '../error.ts';
import type { Files } from '../files/files.ts';
import { reading } from '../files/reading.ts';
import type { Layout } from '../layout.ts';

/**
 * `layers/v2/…/index`: a line of JSON with the head, then the entries as a JSON array, a line each.
 * Both are described by schemas/layer-index.schema.json. The digest of what follows the head stands
 * in it, so that a flipped bit is noticed and the entries need no other check when they are read.
 */
interface Head {
  readonly version: 2;
  readonly diffID: string;
  readonly size: number;
  /** Of entries, for who wants no more than that. */
  readonly count: number;
  readonly digest: string;
}

/** In bytes: more than two digests and two numbers take. */
const longestHead = 512;

/** V8 makes no longer strings (2^29 - 24 characters). */
const longestText = 2 ** 29 - 24;

/** @throws StoreError `LAYER_LIMIT` when the index cannot be read back as one text. */
export function formatLayerIndex({ diffID, size, entries }: LayerIndex): string {
  const lines = entries.map((entry) => JSON.stringify(entry));
  const length = lines.reduce((sum, line) => sum + line.length + 2, 300);
  if (length > longestText) {
    throw new StoreError(
      'LAYER_LIMIT',
      `indexing the layer ${diffID}: found ${length} characters of entries, wanted at most ${longestText}`,
    );
  }
  const body = `[\n${lines.join(',\n')}\n]\n`;
  const digest = digestOf(Buffer.from(body));
  const head: Head = { version: 2, diffID, size, count: entries.length, digest };
  return `${JSON.stringify(head)}\n${body}`;
}

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
  const file = files.open(layout.layer(diffID).index);
  if (file === undefined) return undefined;
  try {
    const bytes = Buffer.allocUnsafe(longestHead);
    return requireHead(bytes.subarray(0, file.read(bytes, 0)), diffID, file.path);
  } finally {
    file.close();
  }
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
  const { index: path } = layout.layer(diffID);
  const read = reading(diffID, path, () => files.readWhole(path));
  if (read === undefined) return undefined;
  const bytes = Buffer.from(read.buffer, read.byteOffset, read.length);
  const { size, count, digest } = requireHead(bytes, diffID, path);
  const body = bytes.subarray(bytes.indexOf(newline) + 1);
  const found = digestOf(body);
  if (found !== digest) {
    throw indexCorrupt(path, diffID, `entries with the digest ${found}`, digest);
  }
  const entries: readonly Entry[] = JSON.parse(body.toString('utf8'));
  if (entries.length !== count) {
    throw indexCorrupt(path, diffID, `${entries.length} entries`, `${count}`);
  }
  return { diffID, size, entries };
}

const newline = 0x0a;

/** The head with which `bytes` begin. */
function requireHead(bytes: Buffer, diffID: DiffID, path: string): Head {
  const head = parseHead(bytes.subarray(0, bytes.indexOf(newline)).toString('utf8'));
  if (head === undefined) throw indexCorrupt(path, diffID, 'no head', 'the index of a layer');
  if (head.diffID === diffID) return head;
  throw indexCorrupt(path, diffID, `the index of ${head.diffID}`, `that of ${diffID}`);
}

function indexCorrupt(path: string, digest: DiffID, found: string, wanted: string): StoreError {
  return new StoreError('STORE_CORRUPT', `reading ${path}: found ${found}, wanted ${wanted}`, {
    digest,
    hint: 'osv-convert store verify --repair',
  });
}

function parseHead(line: string): Head | undefined {
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
  return isHead ? (value as Head) : undefined;
}
