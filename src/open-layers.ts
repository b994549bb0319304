import type { DiffID, Layer, Store } from '../store/index.ts';
import { flatten } from './tree/flatten.ts';
import type { Tree } from './tree/tree.ts';

/** Layers that stay open until the work on their files is done. */
export interface OpenLayers {
  /** Opens the layers, bottom first, and merges them. @throws BLOB_MISSING, STORE_CORRUPT, LAYER_CORRUPT. */
  flatten(diffIDs: readonly DiffID[]): Promise<Tree>;
  /** Every layer opened so far, for `openContents`. */
  readonly layers: readonly Layer[];
  close(): void;
}

export function openLayers(store: Store): OpenLayers {
  const open = new Map<DiffID, Layer>();
  return {
    async flatten(diffIDs) {
      const indexes = [];
      for (const diffID of diffIDs) {
        const layer = open.get(diffID) ?? (await store.layers.open(diffID));
        open.set(diffID, layer);
        indexes.push(layer.index);
      }
      return flatten(indexes);
    },
    get layers() {
      return [...open.values()];
    },
    close() {
      for (const layer of open.values()) layer.close();
      open.clear();
    },
  };
}
