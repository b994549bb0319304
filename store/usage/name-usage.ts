import { setImmediate as turn } from 'node:timers/promises';
import type { Descriptor } from '../descriptor.ts';
import type { Digest } from '../digest.ts';
import type { Walk } from '../graph/graph.ts';
import { type Inventory, sizeBeside } from '../graph/inventory.ts';
import type { Ref } from '../names/contract.ts';

/** A name, for one platform: an entry of `index.json`. */
export interface NameUsage {
  readonly name: string;
  readonly descriptor: Descriptor;
  /** Bytes on the disk of all that it leads to, unpacked layers too. */
  readonly size: number;
  /** Those of `size` that no other entry leads to. */
  readonly own: number;
  /** The others. */
  readonly shared: number;
  /** When its manifest was taken in, held or named last; undefined where it is missing. */
  readonly lastUse: Date | undefined;
  /** How many blobs it leads to that are there, and that are not. */
  readonly blobs: number;
  readonly missing: number;
  /** How many unpacked layers it leads to. */
  readonly layers: number;
}

/** Entries followed before whatever else is under way gets its turn. */
const stride = 16;

/** More than one entry leads there. */
const many = -1;

/** What entries lead to: its bytes, and the number of the entry, or `many`. */
interface Reached {
  readonly size: number;
  owner: number;
}

/** `documents` must have what every name of `refs` leads to. */
export async function measureNames(
  refs: readonly Ref[],
  documents: Walk['documents'],
  inventory: Inventory,
  signal: AbortSignal | undefined,
): Promise<readonly NameUsage[]> {
  const { blobs, layers } = inventory;
  const reached = new Map<Digest, Reached>();
  const sums: Omit<NameUsage, 'own' | 'shared'>[] = [];
  for (const [at, { name, descriptor }] of refs.entries()) {
    if (at % stride === stride - 1) await turn();
    signal?.throwIfAborted();
    const sum = { size: 0, blobs: 0, missing: 0, layers: 0 };
    for (const [digest, isBlob] of reach(descriptor.digest, documents)) {
      const blob = blobs.get(digest);
      const layer = layers.get(digest);
      if (blob !== undefined) sum.blobs += 1;
      else if (isBlob) sum.missing += 1;
      if (layer !== undefined) sum.layers += 1;
      const known = reached.get(digest);
      const size =
        known?.size ?? (blob?.size ?? 0) + (layer === undefined ? 0 : sizeBeside(blob, layer));
      sum.size += size;
      if (known === undefined) reached.set(digest, { size, owner: at });
      else known.owner = many;
    }
    const used = blobs.get(descriptor.digest)?.mtime;
    const lastUse = used === undefined ? undefined : new Date(used);
    sums.push({ name, descriptor, ...sum, lastUse });
  }
  const own = new Float64Array(refs.length);
  for (const { size, owner } of reached.values()) {
    if (owner !== many) own[owner] = (own[owner] ?? 0) + size;
  }
  return sums.map((sum, at) => {
    const bytes = own[at] ?? 0;
    return { ...sum, own: bytes, shared: sum.size - bytes };
  });
}

/** The names that lead to a digest, in order, each once. */
export function namesOfDigests(
  refs: readonly Ref[],
  documents: Walk['documents'],
): ReadonlyMap<Digest, readonly string[]> {
  const namesOf = new Map<Digest, string[]>();
  for (const { name, descriptor } of refs) {
    for (const digest of reach(descriptor.digest, documents).keys()) {
      const names = namesOf.get(digest);
      if (names === undefined) namesOf.set(digest, [name]);
      // Entries of one name follow each other.
      else if (names.at(-1) !== name) names.push(name);
    }
  }
  return namesOf;
}

/** What `root` leads to, itself included, and whether that is meant to be a blob. */
function reach(root: Digest, documents: Walk['documents']): ReadonlyMap<Digest, boolean> {
  const reached = new Map([[root, true]]);
  // A map gives what is added to it while it is gone through, too.
  for (const document of reached.keys()) {
    for (const { role, digest } of documents.get(document) ?? []) {
      if (!reached.has(digest)) reached.set(digest, role !== 'diffID');
    }
  }
  return reached;
}
