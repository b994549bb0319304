import {
  type DiffID,
  type Layer,
  type LayerIndex,
  type Store,
  StoreError,
} from '../../store/index.ts';
import { type LayerContents, openContents } from './contents.ts';
import { flatten } from './flatten.ts';
import type { Tree } from './tree.ts';

/** Layers that stay open until the work on their files is done. */
export interface OpenLayers {
  /** Opens a layer: what it holds. @throws BLOB_MISSING, STORE_CORRUPT. */
  open(diffID: DiffID): Promise<LayerIndex>;
  /** Opens the layers, bottom first, and merges them. @throws BLOB_MISSING, STORE_CORRUPT, LAYER_CORRUPT. */
  flatten(diffIDs: readonly DiffID[]): Promise<Tree>;
  /** The files of every layer opened so far. */
  readonly contents: LayerContents;
}

/**
 * Opens layers for `use`. What looks like the fault of an image may be that of the disk under the
 * store: when `use` fails, the files it looked into are verified before it is told so.
 * @throws StoreError `STORE_CORRUPT`; what `use` throws.
 */
export async function withLayers<T>(
  store: Store,
  use: (open: OpenLayers) => Promise<T>,
): Promise<T> {
  const layers = new Map<DiffID, Layer>();
  const contents = openContents(layers);
  const open = async (diffID: DiffID): Promise<LayerIndex> => {
    const layer = layers.get(diffID) ?? (await store.layers.open(diffID));
    layers.set(diffID, layer);
    return layer.index;
  };
  try {
    return await use({
      open,
      async flatten(diffIDs) {
        const indexes = [];
        for (const diffID of diffIDs) indexes.push(await open(diffID));
        return flatten(indexes);
      },
      contents,
    });
  } catch (error) {
    if (!(error instanceof StoreError)) contents.verifyRead();
    throw error;
  } finally {
    for (const layer of layers.values()) layer.close();
  }
}
