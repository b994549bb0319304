import { read } from 'node:fs';
import { promisify } from 'node:util';
import type { DiffID, Store } from '../store/index.ts';
import { fetchLayers } from './fetch-layers.ts';
import { pairLayers, parseImageConfig } from './oci/config.ts';
import { once, verified } from './outgoing.ts';
import { type ChosenManifest, readStored, type Transfer } from './resolve-image.ts';
import type { PlainImage, PlainLayer } from './target/docker-archive.ts';

const chunkSize = 2 ** 20;
const readAt = promisify(read);

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
    const open = () => verified(layerTar(store, diffID, signal), diffID);
    layers.push({ diffID, size: layer.index.size, open });
  }
  const { digest, size } = manifest.config;
  return { name, config: { digest, size, open: () => once(bytes) }, layers };
}

async function* layerTar(store: Store, diffID: DiffID, signal: AbortSignal | undefined) {
  const layer = await store.layers.open(diffID);
  try {
    for (let at = 0; at < layer.index.size; ) {
      signal?.throwIfAborted();
      const buffer = Buffer.allocUnsafe(Math.min(chunkSize, layer.index.size - at));
      const { bytesRead } = await readAt(layer.fd, buffer, 0, buffer.length, at);
      if (bytesRead === 0) return;
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    layer.close();
  }
}
