import type { Digest } from '../digest.ts';

/** How often each of millions of files was seen, in 27 to 53 bytes for each. */
export interface DigestCounts {
  add(digest: Digest, size: number): void;
  /** Those that were added more than once, in no order. */
  repeated(): Iterable<RepeatedDigest>;
}

export interface RepeatedDigest {
  /** As `prefixOf` gives it. */
  readonly prefix: string;
  readonly size: number;
  readonly count: number;
}

/**
 * The 16 hex digits by which digests are told apart here: that two of ten million files have the
 * same ones, by chance, happens in one of some 300,000 stores.
 */
export function prefixOf(digest: Digest): string {
  const start = 'sha256:'.length;
  return digest.slice(start, start + 16);
}

interface Table {
  /** Two words for each slot: those of the prefix. */
  readonly words: Uint32Array;
  readonly sizes: Float64Array;
  /** 0 where the slot is free. */
  readonly counts: Uint32Array;
}

/** A hash table with open addressing, whose slots are a power of two and at most 3/4 taken. */
export function createDigestCounts(): DigestCounts {
  let table = tableOf(2 ** 12);
  let taken = 0;

  const grow = (): void => {
    const { words, sizes, counts } = table;
    table = tableOf(counts.length * 2);
    for (let from = 0; from < counts.length; from += 1) {
      const count = counts[from] ?? 0;
      if (count === 0) continue;
      const high = words[2 * from] ?? 0;
      const low = words[2 * from + 1] ?? 0;
      put(table, slotOf(table, high, low), high, low, sizes[from] ?? 0, count);
    }
  };

  return {
    add(digest, size) {
      const prefix = prefixOf(digest);
      const high = Number.parseInt(prefix.slice(0, 8), 16);
      const low = Number.parseInt(prefix.slice(8), 16);
      const slot = slotOf(table, high, low);
      const count = table.counts[slot] ?? 0;
      put(table, slot, high, low, size, count + 1);
      if (count > 0) return;
      taken += 1;
      if (taken * 4 > table.counts.length * 3) grow();
    },
    *repeated() {
      const { words, sizes, counts } = table;
      for (const [slot, count] of counts.entries()) {
        if (count < 2) continue;
        const prefix = hexOf(words[2 * slot] ?? 0) + hexOf(words[2 * slot + 1] ?? 0);
        yield { prefix, size: sizes[slot] ?? 0, count };
      }
    },
  };
}

function tableOf(slots: number): Table {
  return {
    words: new Uint32Array(2 * slots),
    sizes: new Float64Array(slots),
    counts: new Uint32Array(slots),
  };
}

/** That of the prefix, or the free one where it belongs. */
function slotOf({ words, counts }: Table, high: number, low: number): number {
  const mask = counts.length - 1;
  // Digests are spread evenly as they are.
  let slot = low & mask;
  while (counts[slot] !== 0 && (words[2 * slot] !== high || words[2 * slot + 1] !== low)) {
    slot = (slot + 1) & mask;
  }
  return slot;
}

function put(
  { words, sizes, counts }: Table,
  slot: number,
  high: number,
  low: number,
  size: number,
  count: number,
): void {
  words[2 * slot] = high;
  words[2 * slot + 1] = low;
  sizes[slot] = size;
  counts[slot] = count;
}

function hexOf(word: number): string {
  return word.toString(16).padStart(8, '0');
}
