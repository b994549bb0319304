import { dirname } from 'node:path';
import type { Blobs } from '../blobs/contract.ts';
import { createFlights } from '../blobs/flights.ts';
import type { DiffID } from '../digest.ts';
import { StoreError } from '../error.ts';
import { type Draft, withDraft } from '../files/draft.ts';
import { reading, sizeOrClosed } from '../files/reading.ts';
import { once } from '../leases/once.ts';
import type { StoreParts } from '../parts.ts';
import { createArrival } from './arrival.ts';
import type { Layers } from './contract.ts';
import type { IndexText } from './index-text.ts';
import { takeTar } from './ingest.ts';
import { readLayerIndex } from './layer-index.ts';
import { shareAsBlob } from './share.ts';
import { createUnpacker } from './unpack.ts';

export function createLayers(parts: StoreParts, blobs: Blobs): Omit<Layers, 'heal'> {
  const { files, layout, limits, prepare, settle, hold, onEvent } = parts;
  const flights = createFlights<never>();

  const has = (diffID: DiffID): boolean => files.stat(layout.layer(diffID).index) !== undefined;

  /** The folder of a layer and those above it; its files are the matter of their writer. */
  const settleAbove = async () => {
    const { root, layers, ownLayers } = layout;
    for (const folder of [root, layers, dirname(ownLayers), ownLayers]) await settle(folder);
  };

  const settleLayer = async (diffID: DiffID) => {
    await settle(layout.layer(diffID).folder);
    await settleAbove();
  };

  /**
   * The tar first, then whatever else is to be durable, then the index, which is the commit. Its
   * bytes are written before all that: a disk without room for them keeps no tar either.
   */
  const commit = async (draft: Draft, index: IndexText, before: () => Promise<void>) => {
    const { tar, index: path } = layout.layer(index.diffID);
    await withDraft(files, layout.ingest, async (indexDraft) => {
      for (const piece of index.pieces) indexDraft.write(piece);
      await draft.commit(tar);
      await settleAbove();
      await before();
      await indexDraft.commit(path);
    });
    const { diffID, size, count } = index;
    onEvent({ event: 'layer-written', diffID, size, entries: count });
  };

  const unpacker = createUnpacker(parts, blobs, (tar, index) => commit(tar, index, async () => {}));

  /** Does `work` once for all who want the layer `key`, in this process and in others. */
  const onceForAll = async (
    key: string,
    diffID: DiffID,
    work: (signal: AbortSignal) => Promise<void>,
    signal: AbortSignal | undefined,
  ) => {
    await prepare();
    const lease = layout.lease('layer', diffID);
    const isDone = () => has(diffID);
    const settle = () => settleLayer(diffID);
    await flights.join(
      key,
      (signal) => once(() => work(signal), { files, lease, isDone, settle, signal }),
      { signal },
    );
  };

  const ingest: Layers['ingest'] = async (blob, diffID, { signal } = {}) => {
    signal?.throwIfAborted();
    await hold([blob, diffID]);
    if (has(diffID)) {
      await settleLayer(diffID);
      return;
    }
    const work = (signal: AbortSignal) => unpacker.whole({ blob, diffID }, signal);
    await onceForAll(`${blob} ${diffID}`, diffID, work, signal);
  };

  return {
    has: async (diffID) => has(diffID),
    ingest,
    async fetch(expected, diffID, open, options = {}) {
      const { digest, size } = expected;
      const { signal, onProgress } = options;
      signal?.throwIfAborted();
      await hold([digest, diffID]);
      if (has(diffID) || (await blobs.size(digest)) === size) {
        await blobs.fetch(expected, open, options);
      } else {
        const arrival = createArrival();
        const layer = { blob: digest, diffID, size };
        const work = (signal: AbortSignal) => unpacker.arriving(layer, arrival, signal);
        // Where this fails, unpacking it whole tells why, or does better.
        const unpacking = onceForAll(`arriving ${digest} ${diffID}`, diffID, work, signal).catch(
          () => undefined,
        );
        try {
          await blobs.fetch(expected, open, {
            ...(signal && { signal }),
            onProgress(progress) {
              arrival.received(progress.received);
              onProgress?.(progress);
            },
          });
          arrival.received(size);
          arrival.complete();
        } catch (error) {
          arrival.fail(error);
          throw error;
        } finally {
          await unpacking;
        }
      }
      await ingest(digest, diffID, options);
    },
    async write(tar, { signal } = {}) {
      signal?.throwIfAborted();
      await prepare();
      return withDraft(files, layout.ingest, async (draft) => {
        const index = await takeTar(tar, draft, limits, signal);
        const { diffID, size } = index;
        await hold([diffID]);
        if (has(diffID) && files.stat(layout.layer(diffID).tar)?.size === size) {
          await settleLayer(diffID);
          await shareAsBlob(parts, diffID);
        } else {
          await commit(draft, index, () => shareAsBlob(parts, diffID));
        }
        return { diffID, size };
      });
    },
    async open(diffID) {
      const { tar } = layout.layer(diffID);
      const index = readLayerIndex(files, layout, diffID);
      if (index === undefined) {
        throw new StoreError(
          'BLOB_MISSING',
          `opening the layer ${diffID}: found none, wanted it uncompressed`,
          { digest: diffID, hint: 'pull the image again' },
        );
      }
      const corrupt = (found: string) =>
        new StoreError(
          'STORE_CORRUPT',
          `opening ${tar}: found ${found}, wanted ${index.size} bytes`,
          { digest: diffID, hint: 'osv-convert store verify --repair' },
        );
      const file = files.open(tar);
      if (file === undefined) throw corrupt('no such file');
      const size = sizeOrClosed(file);
      if (size !== index.size) {
        file.close();
        throw corrupt(`${size} bytes`);
      }
      const readInto = (target: Uint8Array, offset: number) =>
        reading(diffID, tar, () => file.read(target, offset));
      return { diffID, index, readInto, close: () => file.close() };
    },
  };
}
