import { setImmediate as turn } from 'node:timers/promises';
import type { DiffID, Digest } from '../digest.ts';
import type { Entry, EntryPath, FileEntry } from '../entry.ts';
import { StoreError } from '../error.ts';
import { readLayerIndex } from '../layers/layer-index.ts';
import type { StoreParts } from '../parts.ts';
import { createDigestCounts, prefixOf, type RepeatedDigest } from './digest-counts.ts';

/** Files that unpacked layers have more than once, in one of them or in several. */
export interface Duplicates {
  /** How many files could go, for others are like them. Those without bytes do not count. */
  readonly files: number;
  /** Bytes that they take in the uncompressed tars. */
  readonly size: number;
  /** Those for which most bytes are stored again, in this order. */
  readonly largest: readonly DuplicateFile[];
}

/** Files with the same bytes. */
export interface DuplicateFile {
  readonly digest: Digest;
  /** Bytes that are stored for each. */
  readonly size: number;
  /** How many there are. */
  readonly count: number;
  /** Where the first of them are, layers in the order of their diffIDs. */
  readonly places: readonly { readonly diffID: DiffID; readonly path: EntryPath }[];
}

/** How many files are told, and how many places of each. */
const told = 20;

/**
 * Counts all files by their digests, then reads as many layers again as it takes to say where the
 * largest are. Memory: one index at a time, and what `DigestCounts` takes.
 */
export async function findDuplicates(
  { files, layout }: Pick<StoreParts, 'files' | 'layout'>,
  diffIDs: readonly DiffID[],
  damaged: Map<Digest, StoreError>,
  signal: AbortSignal | undefined,
): Promise<Duplicates> {
  const sorted = [...diffIDs].sort();
  const filesOf = async (diffID: DiffID): Promise<readonly FileEntry[]> => {
    await turn();
    signal?.throwIfAborted();
    try {
      return (readLayerIndex(files, layout, diffID)?.entries ?? []).filter(isStored);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      damaged.set(diffID, error);
      return [];
    }
  };

  const counts = createDigestCounts();
  for (const diffID of sorted) {
    for (const file of await filesOf(diffID)) counts.add(file.digest, storedBytes(file));
  }
  const sum = { files: 0, size: 0 };
  const largest: RepeatedDigest[] = [];
  for (const repeated of counts.repeated()) {
    sum.files += repeated.count - 1;
    sum.size += spareBytes(repeated);
    rank(largest, repeated);
  }

  const found = largest.map((repeated) => ({ ...repeated, first: [] as FoundFile[] }));
  const byPrefix = new Map(found.map((repeated) => [repeated.prefix, repeated]));
  const isFull = ({ count, first }: (typeof found)[number]) =>
    first.length === Math.min(count, told);
  for (const diffID of sorted) {
    if (found.every(isFull)) break;
    for (const { digest, path } of await filesOf(diffID)) {
      const repeated = byPrefix.get(prefixOf(digest));
      if (repeated !== undefined && !isFull(repeated))
        repeated.first.push({ digest, diffID, path });
    }
  }
  return {
    ...sum,
    largest: found.flatMap(({ size, count, first }) => {
      const places = first.map(({ diffID, path }) => ({ diffID, path }));
      // A layer that was removed meanwhile leaves nothing to tell.
      return first.slice(0, 1).map(({ digest }) => ({ digest, size, count, places }));
    }),
  };
}

interface FoundFile {
  readonly digest: Digest;
  readonly diffID: DiffID;
  readonly path: EntryPath;
}

function isStored(entry: Entry): entry is FileEntry {
  return entry.kind === 'file' && storedBytes(entry) > 0;
}

/** Holes of a file take no place in a tar. */
function storedBytes({ size, extents }: FileEntry): number {
  return extents?.reduce((sum, { length }) => sum + length, 0) ?? size;
}

function spareBytes({ size, count }: RepeatedDigest): number {
  return size * (count - 1);
}

/** Puts `candidate` in its place among the first, if it has one. */
function rank(ranking: RepeatedDigest[], candidate: RepeatedDigest): void {
  const last = ranking.at(told - 1);
  if (last !== undefined && !precedes(candidate, last)) return;
  const at = ranking.findIndex((other) => precedes(candidate, other));
  ranking.splice(at === -1 ? ranking.length : at, 0, candidate);
  ranking.splice(told);
}

function precedes(a: RepeatedDigest, b: RepeatedDigest): boolean {
  const difference = spareBytes(a) - spareBytes(b);
  return difference === 0 ? a.prefix < b.prefix : difference > 0;
}
