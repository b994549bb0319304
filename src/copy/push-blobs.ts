import type { Descriptor } from '../../store/index.ts';
import type { OnEvent } from '../event.ts';
import type { Source } from '../source/source.ts';
import type { BlobEnd, RegistryWriter } from '../target/registry.ts';

export interface PushBlobsOptions {
  /** Where the bytes come from. */
  readonly source: Source;
  readonly writer: RegistryWriter;
  /** Another repository of the registry, which probably has the blobs. */
  readonly mountFrom?: string;
  readonly onEvent?: OnEvent;
  readonly signal?: AbortSignal;
}

/** A blob that is in the registry now, and how it came there. */
export interface PushedBlob {
  readonly blob: Descriptor;
  readonly end: BlobEnd;
}

/** Blobs in transfer at one time. */
const parallelBlobs = 4;

/**
 * Has all of `blobs` in the registry; the first failure ends the other transfers.
 * @throws ConvertError with the codes of sources; StoreError.
 */
export async function pushBlobs(
  blobs: readonly Descriptor[],
  options: PushBlobsOptions,
): Promise<readonly PushedBlob[]> {
  const { signal, onEvent } = options;
  const failed = new AbortController();
  const either = AbortSignal.any([failed.signal, ...(signal ? [signal] : [])]);
  const queue = [...new Map(blobs.map((blob) => [blob.digest, blob])).values()];
  onEvent?.({ event: 'planned', blobs: queue.map(({ digest, size }) => ({ digest, size })) });
  const pushed: PushedBlob[] = [];
  const worker = async (): Promise<void> => {
    try {
      for (let blob = queue.shift(); blob !== undefined; blob = queue.shift()) {
        const end = await pushBlob(blob, { ...options, signal: either });
        onEvent?.({ event: 'blob-pushed', digest: blob.digest, size: blob.size, how: end });
        pushed.push({ blob, end });
      }
    } catch (error) {
      failed.abort(error);
      throw error;
    }
  };
  const settled = await Promise.allSettled(Array.from({ length: parallelBlobs }, worker));
  if (settled.some(({ status }) => status === 'rejected')) {
    signal?.throwIfAborted();
    throw failed.signal.reason;
  }
  return pushed;
}

async function pushBlob(
  blob: Descriptor,
  {
    source,
    writer,
    mountFrom,
    onEvent,
    signal,
  }: PushBlobsOptions & { readonly signal: AbortSignal },
): Promise<BlobEnd> {
  const open = (offset: number) =>
    tellSent(source.fetch(blob, { signal, offset }), blob, offset, onEvent);
  return await writer.putBlob(blob, open, {
    signal,
    ...(mountFrom !== undefined && { mountFrom }),
  });
}

/**
 * The same bytes, and how far they lead into the blob: what is sent a second time is told a second
 * time, not as more.
 */
async function* tellSent(
  bytes: AsyncIterable<Uint8Array>,
  { digest, size }: Descriptor,
  offset: number,
  onEvent: OnEvent | undefined,
): AsyncGenerator<Uint8Array, void> {
  let sent = offset;
  onEvent?.({ event: 'upload', digest, sent, size });
  for await (const chunk of bytes) {
    yield chunk;
    sent += chunk.byteLength;
    onEvent?.({ event: 'upload', digest, sent, size });
  }
}
