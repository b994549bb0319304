import type { Digest } from '../digest.ts';
import { type Inventory, isShared, type OtherThing, sizeBeside } from '../graph/inventory.ts';
import type { StoreParts } from '../parts.ts';

/** In bytes. */
export interface UsageTotals {
  /** Indexes, manifests and configs that a name or a lease leads to. */
  readonly documents: number;
  /** Other blobs: compressed layers, kernels, and what nothing leads to. */
  readonly blobs: number;
  /** Uncompressed layers, those among them that are blobs too. */
  readonly layers: number;
  readonly layerIndexes: number;
  /** Layers of other versions of the store. */
  readonly otherLayers: number;
  readonly partials: number;
  readonly drafts: number;
  readonly quarantine: number;
  /** `index.json` and its copy. */
  readonly names: number;
}

export function totalsOf(
  { files, layout }: Pick<StoreParts, 'files' | 'layout'>,
  { blobs, layers, partials, others }: Inventory,
  isDocument: (digest: Digest) => boolean,
): UsageTotals {
  const totals = { documents: 0, blobs: 0, layers: 0, layerIndexes: 0 };
  for (const [digest, blob] of blobs) {
    const layer = blob.links > 1 ? layers.get(digest) : undefined;
    if (layer !== undefined && isShared(blob, layer)) continue;
    totals[isDocument(digest) ? 'documents' : 'blobs'] += blob.size;
  }
  for (const { tar, index } of layers.values()) {
    totals.layers += tar?.size ?? 0;
    totals.layerIndexes += index?.size ?? 0;
  }
  const sizeOf = (kind: OtherThing['kind']) =>
    sumOf(others.flatMap((thing) => (thing.kind === kind ? thing.files : [])));
  const names = [layout.index, layout.indexBackup].flatMap((path) => files.stat(path) ?? []);
  return {
    ...totals,
    otherLayers: sizeOf('other-layer'),
    partials: sumOf(partials.values()),
    drafts: sizeOf('draft'),
    quarantine: sizeOf('quarantine'),
    names: sumOf(names),
  };
}

/** Bytes of the blobs and layers that are not in `reached`. */
export function unreachableIn({ blobs, layers }: Inventory, reached: ReadonlySet<Digest>): number {
  let sum = 0;
  for (const [digest, { size }] of blobs) {
    if (!reached.has(digest)) sum += size;
  }
  for (const [digest, layer] of layers) {
    if (!reached.has(digest)) sum += sizeBeside(blobs.get(digest), layer);
  }
  return sum;
}

function sumOf(files: Iterable<{ readonly size: number }>): number {
  let sum = 0;
  for (const { size } of files) sum += size;
  return sum;
}
