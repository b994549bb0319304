import type { Digest } from '../digest.ts';
import type { FileStat } from '../files/files.ts';
import type { FoundFile, Inventory, OtherThing } from '../graph/inventory.ts';
import type { Layout } from '../layout.ts';

/** What can be removed from a store as a whole. */
export type Thing = DigestThing | OtherThing;

interface DigestThing {
  readonly kind: 'blob' | 'layer' | 'partial';
  readonly name: Digest;
  /** In the order in which they are removed. */
  readonly files: readonly FoundFile[];
  /** Those removed after the files where they are empty then. */
  readonly folders: readonly string[];
}

/** All things, but for the blobs and the whole layers that are in `reached`. */
export function* thingsBeside(
  reached: ReadonlySet<Digest>,
  inventory: Inventory,
  layout: Layout,
): Generator<Thing> {
  for (const [name, file] of inventory.blobs) {
    if (reached.has(name)) continue;
    yield { kind: 'blob', name, files: [found(layout.blob(name), file)], folders: [] };
  }
  for (const [name, { diffID, index, tar }] of inventory.layers) {
    if (index !== undefined && reached.has(name)) continue;
    const paths = layout.layer(diffID);
    // The index first: where it is, the layer is whole.
    const files = [index && found(paths.index, index), tar && found(paths.tar, tar)];
    const present = files.filter((file) => file !== undefined);
    yield { kind: 'layer', name, files: present, folders: [paths.folder] };
  }
  yield* passingThings(inventory, layout);
}

/** Those that are neither blobs nor layers. */
export function* passingThings({ partials, others }: Inventory, layout: Layout): Generator<Thing> {
  for (const [name, file] of partials) {
    yield { kind: 'partial', name, files: [found(layout.partial(name), file)], folders: [] };
  }
  yield* others;
}

function found(path: string, file: FileStat): FoundFile {
  return { ...file, path };
}
