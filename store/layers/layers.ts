import { dirname } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { createFlights } from '../blobs/flights.ts';
import type { DiffID, Digest } from '../digest.ts';
import { StoreError, type StoreErrorCode } from '../error.ts';
import { type Draft, withDraft } from '../files/draft.ts';
import { reading, sizeOrClosed } from '../files/reading.ts';
import { inflate } from '../inflate/inflate.ts';
import { once } from '../leases/once.ts';
import type { StoreParts } from '../parts.ts';
import type { Blobs, Layers } from '../store.ts';
import type { IndexText } from './index-text.ts';
import { takeTar } from './ingest.ts';
import { readLayerIndex } from './layer-index.ts';
import { shareAsBlob } from './share.ts';

const chunkSize = 2 ** 20;

/** Codes of what is wrong with a layer itself. */
const wrongLayer: readonly StoreErrorCode[] = ['LAYER_CORRUPT', 'LAYER_LIMIT', 'DIGEST_MISMATCH'];

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

  /** The blob, not verified: what comes out of it will be, and spares hashing this as well. */
  const packed = async function* (digest: Digest, signal: AbortSignal) {
    const blob = await blobs.open(digest);
    const { size } = blob;
    try {
      for (let read = 0; read < size; ) {
        await turn();
        signal.throwIfAborted();
        const chunk = await blob.read(read, chunkSize);
        if (chunk.length === 0) return;
        read += chunk.length;
        onEvent({ event: 'layer-progress', digest, read, size });
        yield chunk;
      }
    } finally {
      await blob.close();
    }
  };

  const takePacked = async (blob: Digest, diffID: DiffID, draft: Draft, signal: AbortSignal) => {
    const index = await takeTar(inflate(packed(blob, signal), limits), draft, limits, signal);
    if (index.diffID === diffID) return index;
    throw new StoreError(
      'DIGEST_MISMATCH',
      `taking in the layer ${blob}: found the uncompressed digest ${index.diffID}, wanted ${diffID}`,
      { hint: 'the image config does not belong to these layers; rebuild the image' },
    );
  };

  const unpack = (blob: Digest, diffID: DiffID, signal: AbortSignal) =>
    withDraft(files, layout.ingest, async (draft) => {
      let index: IndexText;
      try {
        index = await takePacked(blob, diffID, draft, signal);
      } catch (error) {
        const isWrong = error instanceof StoreError && wrongLayer.includes(error.code);
        // A blob that rotted on the disk looks like a wrong layer; its digest tells the two apart.
        if (isWrong) await verify(blobs, blob);
        throw isWrong && error.code === 'LAYER_LIMIT' ? limitOf(blob, error) : error;
      }
      await commit(draft, index, async () => {});
    });

  return {
    has: async (diffID) => has(diffID),
    async ingest(blob, diffID, { signal } = {}) {
      signal?.throwIfAborted();
      await hold([blob, diffID]);
      const isDone = () => has(diffID);
      if (isDone()) {
        await settleLayer(diffID);
        return;
      }
      await prepare();
      await flights.join(
        `${blob} ${diffID}`,
        (signal) =>
          once(() => unpack(blob, diffID, signal), {
            files,
            lease: layout.lease('layer', diffID),
            isDone,
            settle: () => settleLayer(diffID),
            signal,
          }),
        { signal },
      );
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

/** What costs too much is read without knowing whose it is. */
function limitOf(blob: Digest, { code, message, hint, cause }: StoreError): StoreError {
  const options = { ...(hint !== undefined && { hint }), cause };
  return new StoreError(code, `taking in the layer ${blob}: ${message}`, options);
}

async function verify(blobs: Blobs, digest: Digest): Promise<void> {
  for await (const _ of blobs.stream(digest)) {
    // Only its end is of interest, where the digest is checked.
  }
}
