import type { OnEvent } from '../event.ts';
import type { LayerPair } from '../oci/config.ts';
import type { Transfer } from './resolve-image.ts';

export interface LayerTransfer extends Transfer {
  readonly onEvent?: OnEvent;
}

/** Layers in transfer or unpacking at one time. */
const parallelLayers = 4;

/**
 * Brings layers into the store and unpacks them. The first failure ends the other transfers; what
 * came stays in the store.
 */
export async function fetchLayers(
  transfer: LayerTransfer,
  layers: readonly LayerPair[],
): Promise<void> {
  const failed = new AbortController();
  const signal =
    transfer.signal === undefined
      ? failed.signal
      : AbortSignal.any([transfer.signal, failed.signal]);
  const queue = distinct(layers);
  await transfer.store.hold(queue.flatMap(({ descriptor, diffID }) => [descriptor.digest, diffID]));
  transfer.onEvent?.({
    event: 'planned',
    blobs: queue.map(({ descriptor: { digest, size } }) => ({ digest, size })),
  });
  const worker = async (): Promise<void> => {
    for (let layer = queue.shift(); layer !== undefined; layer = queue.shift()) {
      try {
        await fetchLayer({ ...transfer, signal }, layer);
      } catch (error) {
        queue.length = 0;
        failed.abort(error);
        throw error;
      }
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: parallelLayers }, worker));
  if (ends.some((end) => end.status === 'rejected')) {
    transfer.signal?.throwIfAborted();
    throw failed.signal.reason;
  }
}

/** An image may name one layer twice, and one layer by two blobs; every blob is fetched, once. */
function distinct(layers: readonly LayerPair[]): LayerPair[] {
  const key = ({ descriptor, diffID }: LayerPair): string => `${descriptor.digest} ${diffID}`;
  return [...new Map(layers.map((layer) => [key(layer), layer])).values()];
}

async function fetchLayer(
  { source, store, onEvent, signal }: LayerTransfer,
  { descriptor, diffID }: LayerPair,
): Promise<void> {
  const options = signal === undefined ? {} : { signal };
  const { digest, size } = descriptor;
  if ((await store.blobs.size(digest)) === size) {
    onEvent?.({ event: 'blob-present', digest, size });
    await store.layers.ingest(digest, diffID, options);
  } else {
    await store.layers.fetch(
      { digest, size },
      diffID,
      (offset, signal) => source.fetch(descriptor, { offset, signal }),
      { ...options, onProgress: (told) => onEvent?.({ event: 'download', digest, ...told }) },
    );
  }
  onEvent?.({ event: 'layer', diffID });
}
