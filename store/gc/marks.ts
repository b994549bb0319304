import { basename } from 'node:path';
import type { Descriptor } from '../descriptor.ts';
import type { Digest } from '../digest.ts';
import { StoreError } from '../error.ts';
import { newWalk, type Walk, walkGraph } from '../graph/graph.ts';
import { readLeases } from '../leases/leases.ts';
import { hasOurDigest, nameOf, readIndex } from '../names/refs.ts';
import type { StoreParts } from '../parts.ts';

/** What is in use. */
export interface Marks {
  /** What names, leases and kept digests lead to, as of all looks so far. */
  readonly reached: ReadonlySet<Digest>;
  /** What leases that last hold themselves, as of the last look. */
  readonly held: ReadonlySet<Digest>;
  /** The entries of index.json that this store can look up, as of the last look. */
  readonly entries: readonly Descriptor[];
  /** Of the file of a lease: whether it lasts; undefined when it cannot be read as one. */
  lasts(leasePath: string): boolean | undefined;
}

export interface Marking {
  /** Looks at leases and names; marks nothing. */
  look(): Promise<Marks>;
  /**
   * Looks, and marks what is new since, but for what only the names of `without` lead to. Only with
   * the gate is what is not marked then not in use.
   */
  mark(without?: ReadonlySet<string>): Promise<Marks>;
}

/**
 * @throws (when called) StoreError `STORE_CORRUPT` when names or a document in use cannot be read:
 * nothing tells then what is in use.
 */
export function createMarking(
  parts: Pick<StoreParts, 'files' | 'layout'>,
  keepDigests: readonly Digest[] = [],
): Marking {
  const { files, layout } = parts;
  // Whether layers are there makes no difference to what is in use.
  const walk: Walk = { ...newWalk(), isThere: () => true };

  const look = async (): Promise<Marks> => {
    // Leases first: who lets go has set his names before.
    const leases = await readLeases(files, layout);
    const entries = await readEntries(parts);
    const states = new Map(leases.map(({ id, alive }) => [`${id}.lease`, alive]));
    return {
      reached: walk.reached,
      held: new Set(leases.flatMap(({ alive, holds }) => (alive ? holds : []))),
      entries,
      lasts: (path) => states.get(basename(path)),
    };
  };

  return {
    look,
    async mark(without = new Set()) {
      const marks = await look();
      const named = marks.entries.filter((entry) => !without.has(nameOf(entry) ?? ''));
      const roots = [...marks.held, ...named.map(({ digest }) => digest), ...keepDigests];
      // What was missing may have come by now, and lead further.
      await walkGraph(parts, [...roots, ...walk.missing], walk);
      return marks;
    },
  };
}

/** Entries without a name, which other tools make, are in use as well. */
async function readEntries({
  files,
  layout,
}: Pick<StoreParts, 'files' | 'layout'>): Promise<readonly Descriptor[]> {
  const index = await readIndex(files, layout);
  if (index !== undefined) return index.manifests.filter(hasOurDigest);
  const blobs = files.list(layout.blobs) ?? [];
  if (blobs.length === 0 && files.stat(layout.indexBackup) === undefined) return [];
  throw new StoreError('STORE_CORRUPT', `reading ${layout.index}: found none, wanted the names`, {
    hint: 'osv-convert store verify --repair',
  });
}
