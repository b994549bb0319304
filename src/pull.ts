import type { Descriptor, Store } from '../store/index.ts';
import { ConvertError } from './error.ts';
import type { OnEvent } from './event.ts';
import { findImage, loadImage, type StoredImage } from './image.ts';
import type { LayerPair } from './oci/config.ts';
import { parseDocument } from './oci/document.ts';
import {
  choosePlatform,
  formatPlatform,
  type Platform,
  parsePlatform,
  platformMatches,
} from './oci/platform.ts';
import { formatReference, parseReference } from './oci/reference.ts';
import { readDocument } from './source/document.ts';
import { createRegistrySource } from './source/registry/registry.ts';
import type { Resolved, Source } from './source/source.ts';

export interface PullOptions {
  /** `os/architecture[/variant]`; `linux/amd64` when absent. */
  readonly platform?: string;
  /** True: HTTP to any host. False: HTTPS even on loopback. Absent: HTTP on loopback only. */
  readonly plainHttp?: boolean;
  readonly onEvent?: OnEvent;
  readonly signal?: AbortSignal;
}

/** Indexes that lead to indexes are followed this deep. */
const maxIndexDepth = 4;

/** Layers in transfer or unpacking at one time. */
const parallelLayers = 4;

/** The image from the store, pulled first when it is not there (or there for another platform). */
export async function pullMissing(
  store: Store,
  reference: string,
  options: PullOptions,
): Promise<StoredImage> {
  const wanted = parsePlatform(options.platform ?? 'linux/amd64');
  const image = await findImage(store, formatReference(parseReference(reference)));
  if (image !== undefined && platformMatches(image.config, wanted)) return image;
  return await pull(store, reference, options);
}

/**
 * Brings an image into the store: index → platform → manifest → config → layers, each verified, each
 * layer unpacked. What is in the store already is not fetched again; the name is set last.
 * @throws ConvertError with the codes of sources, manifests and layers; StoreError.
 */
export async function pull(
  store: Store,
  reference: string,
  options: PullOptions,
): Promise<StoredImage> {
  const parsed = parseReference(reference);
  const platform = parsePlatform(options.platform ?? 'linux/amd64');
  const source = createRegistrySource(parsed, {
    ...(options.plainHttp !== undefined && { plainHttp: options.plainHttp }),
    onEvent: ({ reason }) =>
      options.onEvent?.({ event: 'warning', text: `${reason}; trying again` }),
  });
  return await pullFrom(source, store, formatReference(parsed), platform, options);
}

/** The part of `pull` that knows no registry. */
export async function pullFrom(
  source: Source,
  store: Store,
  name: string,
  platform: Platform,
  options: Pick<PullOptions, 'onEvent' | 'signal'>,
): Promise<StoredImage> {
  const transfer: Transfer = { ...options, source, store };
  const { descriptor, bytes } = await resolveManifest(transfer, platform);
  options.onEvent?.({ event: 'resolved', reference: name, digest: descriptor.digest });
  const document = await parseDocument(bytes, descriptor.mediaType);
  if (document.kind === 'index') throw nestedTooDeep();
  await store.blobs.put(bytes);
  await store.blobs.put(await readDocument(source, document.manifest.config, options));
  const image = await loadImage(store, name, { ...descriptor, platform });
  refuseOtherPlatform(image, platform);
  await fetchLayers(transfer, image.layers);
  await store.refs.set(name, image.descriptor);
  return image;
}

interface Transfer extends Pick<PullOptions, 'onEvent' | 'signal'> {
  readonly source: Source;
  readonly store: Store;
}

async function resolveManifest(
  { source, store, ...options }: Transfer,
  platform: Platform,
): Promise<Resolved> {
  let found = await source.resolve(options);
  for (let depth = 0; depth < maxIndexDepth; depth += 1) {
    const document = await parseDocument(found.bytes, found.descriptor.mediaType);
    if (document.kind === 'manifest') return found;
    await store.blobs.put(found.bytes);
    const descriptor = choosePlatform(document.index, platform);
    found = { descriptor, bytes: await readDocument(source, descriptor, options) };
  }
  return found;
}

function nestedTooDeep(): ConvertError {
  return new ConvertError(
    'MANIFEST_INVALID',
    `resolving the image: found indexes nested deeper than ${maxIndexDepth}, wanted a manifest`,
  );
}

function refuseOtherPlatform({ name, config, platform }: StoredImage, wanted: Platform): void {
  if (config.os === 'windows') {
    throw new ConvertError(
      'IMAGE_UNSUPPORTED',
      `pulling ${name}: found an image for ${platform}, wanted one for linux; OSv runs Linux programs only`,
      {
        hint: 'publish the app for linux-x64, e.g. dotnet publish -r linux-x64 /t:PublishContainer',
      },
    );
  }
  if (platformMatches(config, wanted)) return;
  throw new ConvertError(
    'PLATFORM_NOT_FOUND',
    `pulling ${name}: found an image for ${platform} only, wanted ${formatPlatform(wanted)}`,
    { hint: `osv-convert pull --platform ${platform} ${name}` },
  );
}

/** The first failure ends the other transfers; what came whole stays in the store. */
async function fetchLayers(transfer: Transfer, layers: readonly LayerPair[]): Promise<void> {
  const failed = new AbortController();
  const signal =
    transfer.signal === undefined
      ? failed.signal
      : AbortSignal.any([transfer.signal, failed.signal]);
  const queue = distinct(layers);
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

async function fetchLayer(transfer: Transfer, { descriptor, diffID }: LayerPair): Promise<void> {
  const { source, store, onEvent, signal } = transfer;
  const options = signal === undefined ? {} : { signal };
  const { digest, size } = descriptor;
  if ((await store.blobs.size(digest)) === size) {
    onEvent?.({ event: 'blob-present', digest, size });
  } else {
    const bytes = counted(source.fetch(descriptor, options), descriptor, onEvent);
    await store.blobs.write(descriptor, bytes, options);
  }
  await store.layers.ingest(digest, diffID, options);
  onEvent?.({ event: 'layer', diffID });
}

async function* counted(
  bytes: AsyncIterable<Uint8Array>,
  { digest, size }: Descriptor,
  onEvent: OnEvent | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  let received = 0;
  for await (const chunk of bytes) {
    received += chunk.byteLength;
    yield chunk;
    onEvent?.({ event: 'download', digest, received, size });
  }
}
