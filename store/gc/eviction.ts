import type { Descriptor } from '../descriptor.ts';
import type { Digest } from '../digest.ts';
import { newWalk, readLinks, walkGraph } from '../graph/graph.ts';
import { filesOf, type Inventory, sizeCounter } from '../graph/inventory.ts';
import { matchesAny } from '../names/glob.ts';
import { nameOf } from '../names/refs.ts';
import type { StoreParts } from '../parts.ts';
import type { GcOptions } from './gc.ts';

type Parts = Pick<StoreParts, 'files' | 'layout'>;

/** A name, and what tells whether it may go. */
export interface NameUse {
  readonly name: string;
  /** What its entries stand for. */
  readonly digests: readonly Digest[];
  /** In milliseconds since 1970. */
  readonly lastUse: number;
  /** True: neither age nor size makes it go. */
  readonly stays: boolean;
}

/**
 * The names among `entries`. One is used when its manifest is, or a manifest that its index lists.
 *
 * Those stay that `keep` says; whose manifest a lease holds, for it is used now; and artifacts (what
 * has an `artifactType`, such as kernels) but for those that `evict` says: an image can be pulled
 * anew from where its name says, of an artifact nothing tells where it came from. One without a
 * manifest stays too: when it was used is unknown, and it takes no room.
 * @throws StoreError `STORE_CORRUPT`.
 */
export function nameUses(
  parts: Parts,
  entries: readonly Descriptor[],
  held: ReadonlySet<Digest>,
  { keep, evict }: GcOptions,
): readonly NameUse[] {
  const { files, layout } = parts;
  const names = new Set(entries.flatMap((entry) => nameOf(entry) ?? []));
  const byName = new Map(Array.from(names, (name) => [name, [] as Descriptor[]]));
  for (const entry of entries) byName.get(nameOf(entry) ?? '')?.push(entry);
  return Array.from(byName, ([name, entries]) => {
    const digests = entries.map(({ digest }) => digest);
    const manifests = digests.flatMap((digest) => [digest, ...listedBy(parts, digest)]);
    const times = manifests.flatMap((digest) => files.stat(layout.blob(digest))?.mtime ?? []);
    const isArtifact = entries.some(({ artifactType }) => artifactType !== undefined);
    return {
      name,
      digests,
      lastUse: times.reduce((latest, time) => Math.max(latest, time), 0),
      stays:
        times.length === 0 ||
        matchesAny(name, keep) ||
        (isArtifact && !matchesAny(name, evict)) ||
        manifests.some((digest) => held.has(digest)),
    };
  });
}

function listedBy(parts: Parts, digest: Digest): readonly Digest[] {
  const links = readLinks(parts, digest) ?? [];
  return links.flatMap(({ role, digest }) => (role === 'manifest' ? digest : []));
}

/**
 * The names that `olderThan` and `maxSize` make go. Of the size, what nothing but blobs and layers
 * takes is `fixed`, and what `roots` lead to stays.
 * @throws StoreError `STORE_CORRUPT`.
 */
export async function evicted(
  parts: Parts,
  uses: readonly NameUse[],
  { roots, inventory, fixed }: StayingRoom,
  { olderThan, maxSize }: GcOptions,
): Promise<readonly NameUse[]> {
  const now = Date.now();
  const isOld = ({ lastUse }: NameUse) => olderThan !== undefined && now - lastUse >= olderThan;
  const old = uses.filter((use) => !use.stays && isOld(use));
  if (maxSize === undefined) return old;

  const walk = newWalk();
  const count = sizeCounter();
  let size = fixed;
  const fits = async (roots: readonly Digest[]): Promise<boolean> => {
    for (const digest of await walkGraph(parts, roots, walk)) {
      size += count(filesOf(inventory, digest));
    }
    return !(size > maxSize);
  };

  const staying = uses.filter(({ stays }) => stays).flatMap(({ digests }) => digests);
  let fit = await fits([...roots, ...staying]);
  const latestFirst = uses
    .filter((use) => !use.stays && !isOld(use))
    .sort((a, b) => b.lastUse - a.lastUse || (a.name < b.name ? -1 : 1));
  const surplus: NameUse[] = [];
  for (const use of latestFirst) {
    // Once one does not fit, those used before it go too, small as they may be.
    fit &&= await fits(use.digests);
    if (!fit) surplus.push(use);
  }
  return [...old, ...surplus];
}

export interface StayingRoom {
  /** What stays whatever names there are. */
  readonly roots: readonly Digest[];
  readonly inventory: Inventory;
  /** Bytes of all that is neither a blob nor a layer. */
  readonly fixed: number;
}
