import { setImmediate as turn } from 'node:timers/promises';
import type { Blobs } from '../blobs/contract.ts';
import type { DiffID, Digest } from '../digest.ts';
import { StoreError, type StoreErrorCode } from '../error.ts';
import { type Draft, withDraft } from '../files/draft.ts';
import { findIgzip } from '../inflate/igzip-program.ts';
import { inflate } from '../inflate/inflate.ts';
import type { StoreParts } from '../parts.ts';
import { type Arrival, arriving, createArrival } from './arrival.ts';
import type { IndexText } from './index-text.ts';
import { takeTar } from './ingest.ts';

/** A layer, and the blob that it is to come out of. */
export interface PackedLayer {
  readonly blob: Digest;
  readonly diffID: DiffID;
}

/** Ways to make a layer of a blob. Each commits it; none looks whether it is there already. */
export interface Unpacker {
  /**
   * Of a blob that is in the store.
   * @throws StoreError the codes of `Layers.ingest`; the reason of `signal`.
   */
  whole(layer: PackedLayer, signal: AbortSignal): Promise<void>;
  /**
   * Of a blob of so many bytes, while it comes.
   * @throws whatever comes first; unpacking it whole, when it is there, tells what is wrong with it.
   */
  arriving(
    layer: PackedLayer & { readonly size: number },
    arrival: Arrival,
    signal: AbortSignal,
  ): Promise<void>;
}

const chunkSize = 2 ** 20;

/** Compressed bytes below which a thread costs more to start than it saves. */
const worthAThread = 2 ** 23;

/** Codes of what is wrong with a layer itself. */
const wrongLayer: readonly StoreErrorCode[] = ['LAYER_CORRUPT', 'LAYER_LIMIT', 'DIGEST_MISMATCH'];

/** `commit` takes the tar, written, and its index. */
export function createUnpacker(
  { files, layout, limits, isOnHost, inflater, onEvent }: StoreParts,
  blobs: Blobs,
  commit: (tar: Draft, index: IndexText) => Promise<void>,
): Unpacker {
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

  const unpack = (
    { blob, diffID }: PackedLayer,
    take: (draft: Draft) => Promise<IndexText>,
  ): Promise<void> =>
    withDraft(files, layout.ingest, async (draft) => {
      const index = await take(draft);
      if (index.diffID !== diffID) {
        throw new StoreError(
          'DIGEST_MISMATCH',
          `taking in the layer ${blob}: found the uncompressed digest ${index.diffID}, wanted ${diffID}`,
          { hint: 'the image config does not belong to these layers; rebuild the image' },
        );
      }
      await commit(draft, index);
    });

  /** Undefined where the blob had better be unpacked here. */
  const threadsFor = async (size: number) =>
    isOnHost && size >= worthAThread ? await import('./unpack-in-worker.ts') : undefined;

  let igzip: { readonly program: string | undefined } | undefined;
  /** Blobs that this failed with before: igzip may be why, and is not asked again. */
  const failed = new Set<Digest>();

  const igzipFor = (blob: Digest): string | undefined => {
    if (inflater === 'node' || failed.has(blob)) return undefined;
    igzip ??= { program: findIgzip(process.env['PATH'] ?? '') };
    return igzip.program;
  };

  const unpackArriving: Unpacker['arriving'] = async (layer, arrival, signal) => {
    const { blob: digest, size } = layer;
    const paths = [layout.partial(digest), layout.blob(digest)];
    const onRead = (read: number) => onEvent({ event: 'layer-progress', digest, read, size });
    const take = async (draft: Draft) => {
      const threads = await threadsFor(size);
      if (threads?.hasRoom()) {
        const job = { paths, size, target: draft.path, limits, igzip: igzipFor(digest) };
        return threads.unpackInWorker(job, arrival, { signal, onRead });
      }
      const bytes = arriving(arrival, { files, paths, size, onRead }, signal);
      return takeTar(inflate(bytes, limits, { isVerified: true }), draft, limits, signal);
    };
    try {
      await unpack(layer, take);
    } catch (error) {
      failed.add(digest);
      throw error;
    }
  };

  /** False where this thread had better do it, or find out what is wrong. */
  const tryInWorker = async (layer: PackedLayer, signal: AbortSignal): Promise<boolean> => {
    const size = (await blobs.size(layer.blob)) ?? 0;
    if (!(await threadsFor(size))?.hasRoom()) return false;
    const arrival = createArrival();
    arrival.received(size);
    arrival.complete();
    try {
      await unpackArriving({ ...layer, size }, arrival, signal);
      return true;
    } catch {
      signal.throwIfAborted();
      return false;
    }
  };

  const unpackHere = async (layer: PackedLayer, signal: AbortSignal): Promise<void> => {
    const { blob } = layer;
    try {
      await unpack(layer, (draft) =>
        takeTar(inflate(packed(blob, signal), limits), draft, limits, signal),
      );
    } catch (error) {
      const isWrong = error instanceof StoreError && wrongLayer.includes(error.code);
      // A blob that rotted on the disk looks like a wrong layer; its digest tells the two apart.
      if (isWrong) await verify(blobs, blob);
      throw isWrong && error.code === 'LAYER_LIMIT' ? limitOf(blob, error) : error;
    }
  };

  return {
    async whole(layer, signal) {
      if (!(await tryInWorker(layer, signal))) await unpackHere(layer, signal);
    },
    arriving: unpackArriving,
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
