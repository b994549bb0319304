import { setImmediate as turn } from 'node:timers/promises';
import type { Digest } from '../digest.ts';
import { documentCap, linksOf, mayOpenDocument } from '../graph/graph.ts';
import type { StoreParts } from '../parts.ts';
import type { Thing } from './thing.ts';

/** Blobs looked into before whatever else is under way gets its turn. */
const stride = 500;

/**
 * `things` in an order in which a document goes before all that it refers to. So whoever holds a
 * document while things are removed, and then finds it there, has all that it leads to, unless that
 * was missing before; and a blob goes before the layer that shares its bytes.
 */
export async function inRemovalOrder(
  parts: Pick<StoreParts, 'files'>,
  things: readonly Thing[],
): Promise<readonly Thing[]> {
  const blobs = new Map<Digest, Thing>();
  for (const thing of things) {
    if (thing.kind === 'blob') blobs.set(thing.name, thing);
  }
  const children = new Map<Thing, readonly Thing[]>();
  const parents = new Map<Thing, number>();
  let looked = 0;
  for (const blob of blobs.values()) {
    looked += 1;
    if (looked % stride === 0) await turn();
    const links = new Set(childrenOf(parts, blob));
    const found = Array.from(links).flatMap((digest) => blobs.get(digest) ?? []);
    if (found.length > 0) children.set(blob, found);
    for (const child of found) parents.set(child, (parents.get(child) ?? 0) + 1);
  }

  const documents = new Set<Thing>();
  const free = Array.from(children.keys()).filter((blob) => !parents.has(blob));
  for (let blob = free.pop(); blob !== undefined; blob = free.pop()) {
    documents.add(blob);
    for (const child of children.get(blob) ?? []) {
      const left = (parents.get(child) ?? 0) - 1;
      parents.set(child, left);
      if (left === 0 && children.has(child)) free.push(child);
    }
  }
  const isBlob = ({ kind }: Thing) => kind === 'blob';
  return [
    ...documents,
    ...things.filter((thing) => isBlob(thing) && !documents.has(thing)),
    ...things.filter((thing) => !isBlob(thing)),
  ];
}

/** What the blob refers to, as far as it can be told: it is garbage, and need not be sound. */
function childrenOf({ files }: Pick<StoreParts, 'files'>, blob: Thing): readonly Digest[] {
  const [found] = blob.files;
  if (found === undefined || found.size > documentCap) return [];
  try {
    const file = files.open(found.path);
    try {
      const first = new Uint8Array(1);
      if (file === undefined || file.read(first, 0) === 0) return [];
      if (!mayOpenDocument(first[0])) return [];
      const bytes = new Uint8Array(found.size);
      return linksOf(bytes.subarray(0, file.read(bytes, 0))).map(({ digest }) => digest);
    } finally {
      file?.close();
    }
  } catch {
    return [];
  }
}
