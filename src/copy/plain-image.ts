import { createHash } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { type DiffID, type Store, StoreError } from '../../store/index.ts';
import { pairLayers, parseImageConfig } from '../oci/config.ts';
import { fetchLayers } from '../pull/fetch-layers.ts';
import { type ChosenManifest, readStored, type Transfer } from '../pull/resolve-image.ts';
import type { PlainImage, PlainLayer } from '../target/docker-archive.ts';
import { once } from './outgoing.ts';

const chunkSize = 2 ** 20;

/**
 * An image with its layers inflated, which the store does: what it lacks is brought into it.
 * @throws ConvertError `CONFIG_INVALID`, the codes of sources; StoreError.
 */
export async function plainImage(
  transfer: Transfer,
  name: string,
  { manifest }: ChosenManifest,
): Promise<PlainImage> {
  const { store, signal } = transfer;
  const bytes = await readStored(transfer, manifest.config);
  const pairs = pairLayers(manifest, await parseImageConfig(bytes));
  await fetchLayers(transfer, pairs);
  const layers: PlainLayer[] = [];
  for (const { diffID } of pairs) {
    const layer = await store.layers.open(diffID);
    layer.close();
    const open = () => layerTar(store, diffID, signal);
    layers.push({ diffID, size: layer.index.size, open });
  }
  const { digest, size } = manifest.config;
  return { name, config: { digest, size, open: () => once(bytes) }, layers };
}

/** The uncompressed layer; an error after the last of its bytes voids what was read. */
async function* layerTar(store: Store, diffID: DiffID, signal: AbortSignal | undefined) {
  const layer = await store.layers.open(diffID);
  try {
    const hash = createHash('sha256');
    for (let at = 0; at < layer.index.size; ) {
      await turn();
      signal?.throwIfAborted();
      const buffer = Buffer.allocUnsafe(Math.min(chunkSize, layer.index.size - at));
      const chunk = buffer.subarray(0, layer.readInto(buffer, at));
      if (chunk.length === 0) break;
      at += chunk.length;
      hash.update(chunk);
      yield chunk;
    }
    const found = `sha256:${hash.digest('hex')}`;
    if (found !== diffID) throw changedLayer(diffID, found);
  } finally {
    layer.close();
  }
}

function changedLayer(diffID: DiffID, found: string): StoreError {
  return new StoreError(
    'STORE_CORRUPT',
    `reading the layer ${diffID}: found bytes of digest ${found}, wanted those of its name`,
    { digest: diffID, hint: 'osv-convert store verify --repair' },
  );
}
