import { relative } from 'node:path';
import type { CallOptions } from '../call-options.ts';
import type { DiffID, Digest } from '../digest.ts';
import { StoreError } from '../error.ts';
import { newWalk, walkGraph } from '../graph/graph.ts';
import { type Inventory, type OtherThing, takeInventory } from '../graph/inventory.ts';
import { readLayerSummary } from '../layers/layer-index.ts';
import { readLeases } from '../leases/leases.ts';
import { createRefs, hasOurDigest, readIndex } from '../names/refs.ts';
import type { StoreParts } from '../parts.ts';
import { type Duplicates, findDuplicates } from './duplicates.ts';
import { measureNames, type NameUsage, namesOfDigests } from './name-usage.ts';
import { totalsOf, type UsageTotals, unreachableIn } from './totals.ts';

export interface UsageOptions extends CallOptions {
  /** True: the unpacked layers are listed, for which the beginning of each index is read. */
  readonly layers?: boolean;
  /** True: the indexes of all layers are read, and equal files found. */
  readonly duplicates?: boolean;
}

/**
 * What a store has. Sizes are those of files, in bytes; a file that has two names in the store is
 * counted once. Leases and locks are not counted.
 */
export interface Usage {
  readonly size: number;
  /** The parts of `size`. */
  readonly totals: UsageTotals;
  /** Those of `size` that no name and no lease leads to. */
  readonly unreachable: number;
  /** In the order of `Refs.list`. */
  readonly names: readonly NameUsage[];
  /** Where asked for: the largest first. */
  readonly layers?: readonly LayerUsage[];
  readonly partials: readonly PartialUsage[];
  /** Files being written, or given up by processes that died. */
  readonly drafts: readonly FileUsage[];
  readonly quarantine: readonly FileUsage[];
  /** How many are alive. */
  readonly leases: number;
  /** Damaged documents and, where layers were looked at, indexes. What they lead to is unknown. */
  readonly damaged: readonly Digest[];
  /** Where asked for. */
  readonly duplicates?: Duplicates;
}

/** An unpacked layer. */
export interface LayerUsage {
  readonly diffID: DiffID;
  /** Of the uncompressed tar. */
  readonly size: number;
  /** How many; undefined where the index is damaged. */
  readonly entries: number | undefined;
  /** Those that lead to it, in order. */
  readonly names: readonly string[];
}

/** A blob that came in part. */
export interface PartialUsage {
  readonly digest: Digest;
  /** Bytes that came. */
  readonly size: number;
  readonly changed: Date;
}

/** A file of the store that no digest tells. */
export interface FileUsage {
  /** The path from its folder on: `ingest`, `quarantine`. */
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  readonly changed: Date;
}

/**
 * Looks at every file of the store, reads the documents that names and leases lead to, and writes
 * nothing. What other processes do meanwhile may be in it or not.
 * @throws StoreError `STORE_CORRUPT` when index.json is damaged, `STORE_UNUSABLE`.
 */
export async function measureUsage(parts: StoreParts, options: UsageOptions): Promise<Usage> {
  const { files, layout } = parts;
  const { signal } = options;
  signal?.throwIfAborted();
  const refs = await createRefs(parts).list();
  // Entries without a name, which other tools make, are in use as well.
  const entries = ((await readIndex(files, layout))?.manifests ?? []).filter(hasOurDigest);
  const leases = (await readLeases(files, layout)).filter(({ alive }) => alive);
  const inventory = await takeInventory(parts, options);

  const damaged = new Map<Digest, StoreError>();
  const walk = { ...newWalk(), damaged, isThere: () => true };
  await walkGraph(
    parts,
    [...refs.map(({ descriptor }) => descriptor), ...entries].map(({ digest }) => digest),
    walk,
  );
  const named = new Set(walk.documents.keys());
  await walkGraph(
    parts,
    leases.flatMap(({ holds }) => holds),
    walk,
  );
  // What a lease holds is read like a document, whatever it is.
  const isDocument = (digest: Digest) =>
    named.has(digest) || (walk.documents.get(digest)?.length ?? 0) > 0;

  const names = await measureNames(refs, walk.documents, inventory, signal);
  const totals = totalsOf(parts, inventory, isDocument);
  const layers =
    options.layers && listLayers(parts, inventory, namesOfDigests(refs, walk.documents), damaged);
  const duplicates =
    options.duplicates && (await findDuplicates(parts, wholeLayers(inventory), damaged, signal));
  return {
    size: Object.values(totals).reduce((sum, size) => sum + size, 0),
    totals,
    unreachable: totals.otherLayers + unreachableIn(inventory, walk.reached),
    names,
    ...(layers && { layers }),
    partials: partialsIn(inventory),
    drafts: filesOf(inventory, 'draft', layout.ingest),
    quarantine: filesOf(inventory, 'quarantine', layout.quarantine),
    leases: leases.length,
    damaged: [...damaged.keys()].sort(),
    ...(duplicates && { duplicates }),
  };
}

function wholeLayers({ layers }: Inventory): DiffID[] {
  return [...layers.values()].flatMap(({ diffID, index }) => (index === undefined ? [] : diffID));
}

function listLayers(
  { files, layout }: StoreParts,
  inventory: Inventory,
  namesOf: ReadonlyMap<Digest, readonly string[]>,
  damaged: Map<Digest, StoreError>,
): LayerUsage[] {
  const layers: LayerUsage[] = [];
  for (const { diffID, index, tar } of inventory.layers.values()) {
    if (index === undefined) continue;
    let entries: number | undefined;
    try {
      entries = readLayerSummary(files, layout, diffID)?.count;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      damaged.set(diffID, error);
    }
    layers.push({ diffID, size: tar?.size ?? 0, entries, names: namesOf.get(diffID) ?? [] });
  }
  return layers.sort((a, b) => b.size - a.size || (a.diffID < b.diffID ? -1 : 1));
}

function partialsIn({ partials }: Inventory): PartialUsage[] {
  const found = Array.from(partials, ([digest, { size, mtime }]) => {
    return { digest, size, changed: new Date(mtime) };
  });
  return found.sort((a, b) => (a.digest < b.digest ? -1 : 1));
}

function filesOf({ others }: Inventory, kind: OtherThing['kind'], folder: string): FileUsage[] {
  const things = others.filter((thing) => thing.kind === kind);
  const found = things.flatMap(({ files }) =>
    files.map(({ path, size, mtime }) => ({
      name: relative(folder, path),
      size,
      changed: new Date(mtime),
    })),
  );
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}
