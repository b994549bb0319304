import { Buffer } from 'node:buffer';
import { closeSync, fstatSync, openSync } from 'node:fs';
import { copyFile, stat } from 'node:fs/promises';
import { blobMissing } from './blobs.ts';
import type { DiffID, Digest } from './digest.ts';
import { type Draft, linkFile, withDraft } from './draft.ts';
import type { LayerIndex } from './entry.ts';
import { StoreError } from './error.ts';
import { createFlights } from './flights.ts';
import { inflate } from './inflate/inflate.ts';
import { takeTar } from './ingest.ts';
import { ifPresent, storing, systemCodeOf } from './io-error.ts';
import { formatLayerIndex, readLayerIndex } from './layer-index.ts';
import type { Layout } from './layout.ts';
import type { Limits } from './limits.ts';
import { once } from './once.ts';
import type { Blobs, Layers, StoreEvent } from './store.ts';

export interface LayersParts {
  readonly layout: Layout;
  readonly blobs: Blobs;
  readonly limits: Limits;
  /** Makes the folders of the store; called before the first write. */
  readonly prepare: () => Promise<void>;
  readonly onEvent: (event: StoreEvent) => void;
}

export function createLayers({ layout, blobs, limits, prepare, onEvent }: LayersParts): Layers {
  const flights = createFlights<never>();

  const has = async (diffID: DiffID) => {
    const { index } = layout.layer(diffID);
    return (await ifPresent(index, () => stat(index))) !== undefined;
  };

  /**
   * The tar first, then whatever else is to be durable, then the index, which is the commit. Its
   * bytes are written before all that: a disk without room for them keeps no tar either.
   */
  const commit = async (draft: Draft, index: LayerIndex, before: () => Promise<void>) => {
    const files = layout.layer(index.diffID);
    const text = Buffer.from(formatLayerIndex(index));
    await withDraft(layout.ingest, async (indexDraft) => {
      indexDraft.write(text);
      await draft.commit(files.tar);
      await before();
      await indexDraft.commit(files.index);
    });
    const { diffID, size, entries } = index;
    onEvent({ event: 'layer-written', diffID, size, entries: entries.length });
  };

  const blobWithProgress = async function* (digest: Digest, signal: AbortSignal | undefined) {
    const size = await blobs.size(digest);
    if (size === undefined) {
      throw blobMissing(digest);
    }
    let read = 0;
    for await (const chunk of blobs.stream(digest, signal === undefined ? {} : { signal })) {
      read += chunk.length;
      onEvent({ event: 'layer-progress', digest, read, size });
      yield chunk;
    }
  };

  /** A blob that rotted on the disk looks like a corrupt layer; its digest tells the two apart. */
  const blaming = async <T>(blob: Digest, work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      if (error instanceof StoreError && error.code === 'LAYER_CORRUPT') {
        await verify(blobs, blob);
      }
      throw error;
    }
  };

  const unpack = (blob: Digest, diffID: DiffID, signal: AbortSignal) =>
    withDraft(layout.ingest, async (draft) => {
      const tar = inflate(blobWithProgress(blob, signal), limits);
      const index = await blaming(blob, takeTar(tar, draft, limits, signal));
      if (index.diffID !== diffID) {
        throw new StoreError(
          'DIGEST_MISMATCH',
          `taking in the layer ${blob}: found the uncompressed digest ${index.diffID}, wanted ${diffID}`,
          { hint: 'the image config does not belong to these layers; rebuild the image' },
        );
      }
      await commit(draft, index, async () => {});
    });

  return {
    has,
    async ingest(blob, diffID, { signal } = {}) {
      signal?.throwIfAborted();
      const isDone = () => has(diffID);
      if (await isDone()) {
        return;
      }
      await prepare();
      await flights.join(
        `${blob} ${diffID}`,
        (signal) =>
          once(() => unpack(blob, diffID, signal), {
            lease: layout.lease('layer', diffID),
            isDone,
            signal,
          }),
        { signal },
      );
    },
    async write(tar, { signal } = {}) {
      signal?.throwIfAborted();
      await prepare();
      return withDraft(layout.ingest, async (draft) => {
        const index = await takeTar(tar, draft, limits, signal);
        const { diffID, size } = index;
        if (await has(diffID)) {
          await shareAsBlob(layout, diffID);
        } else {
          await commit(draft, index, () => shareAsBlob(layout, diffID));
        }
        return { diffID, size };
      });
    },
    async open(diffID) {
      const files = layout.layer(diffID);
      const index = await readLayerIndex(files, diffID);
      if (index === undefined) {
        throw new StoreError(
          'BLOB_MISSING',
          `opening the layer ${diffID}: found none, wanted it uncompressed`,
          { hint: 'pull the image again' },
        );
      }
      const corrupt = (found: string) =>
        new StoreError(
          'STORE_CORRUPT',
          `opening ${files.tar}: found ${found}, wanted ${index.size} bytes`,
          { hint: `rm -r '${files.folder}' and pull the image again` },
        );
      const fd = await ifPresent(files.tar, () => openSync(files.tar, 'r'));
      if (fd === undefined) {
        throw corrupt('no such file');
      }
      const { size } = fstatSync(fd);
      if (size !== index.size) {
        closeSync(fd);
        throw corrupt(`${size} bytes`);
      }
      return { diffID, index, fd, close: () => closeSync(fd) };
    },
  };
}

/** The uncompressed tar is a blob too, so that other tools can read an image that has it. */
async function shareAsBlob(layout: Layout, diffID: DiffID): Promise<void> {
  const { tar } = layout.layer(diffID);
  const blob = layout.blob(diffID);
  await storing(blob, async () => {
    try {
      await linkFile(tar, blob);
    } catch (error) {
      if (!noLinks.has(systemCodeOf(error) ?? '')) {
        throw error;
      }
      await copyAsBlob(layout, tar, blob);
    }
  });
}

/** File systems without hard links, or with a limit on them. */
const noLinks = new Set(['EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP', 'EOPNOTSUPP']);

async function copyAsBlob(layout: Layout, tar: string, blob: string): Promise<void> {
  await withDraft(layout.ingest, async (draft) => {
    await copyFile(tar, draft.path);
    await draft.commit(blob);
  });
}

async function verify(blobs: Blobs, digest: Digest): Promise<void> {
  for await (const _ of blobs.stream(digest)) {
    // Only its end is of interest, where the digest is checked.
  }
}
