import { type Descriptor, type Digest, type Store, StoreError } from '../../store/index.ts';
import { sniffMediaType } from '../oci/document.ts';
import { documentCap } from '../oci/json.ts';
import {
  bestForPlatform,
  formatPlatform,
  type Platform,
  platformMatches,
} from '../oci/platform.ts';
import { loadImage, type StoredImage } from './image.ts';

export interface Sought {
  /** As the image is named in the store. */
  readonly name: string;
  readonly platform: Platform;
  /** Of the manifest: another image of that name is not the one. */
  readonly digest?: Digest | undefined;
}

/** An image that is whole in the store, or what the store lacks of it. */
export type Found = { readonly image: StoredImage } | Missing;

export interface Missing {
  readonly missing: string;
  /** Of the manifest, where the store knows which image is meant. */
  readonly manifest?: Digest;
}

/**
 * Looks for an image in the store alone, and holds it. Layers that are there but not unpacked yet are
 * unpacked.
 */
export async function lookInStore(
  store: Store,
  { name, platform, digest }: Sought,
  options: { readonly signal?: AbortSignal } = {},
): Promise<Found> {
  const descriptor =
    digest === undefined
      ? await findNamed(store, name, platform)
      : await describeManifest(store, digest);
  if (descriptor === undefined) {
    return { missing: digest ?? `image of that name for ${formatPlatform(platform)}` };
  }
  await store.hold([descriptor.digest]);
  const manifest = descriptor.digest;
  const image = await loadIfWhole(store, name, descriptor);
  if ('missing' in image) return { ...image, manifest };
  if (!platformMatches(image.config, platform)) {
    return { missing: digest ?? `image of that name for ${formatPlatform(platform)}` };
  }
  for (const { descriptor, diffID } of image.layers) {
    if (await store.layers.has(diffID)) continue;
    if ((await store.blobs.size(descriptor.digest)) !== descriptor.size) {
      return { missing: `layer ${descriptor.digest}`, manifest };
    }
    await store.layers.ingest(descriptor.digest, diffID, options);
  }
  return { image };
}

/** The entry of `name` that serves `platform` best; one that tells no platform where none does. */
export async function findNamed(
  store: Store,
  name: string,
  platform: Platform,
): Promise<Descriptor | undefined> {
  const named = (await store.refs.list()).filter((ref) => ref.name === name);
  const descriptors = named.map(({ descriptor }) => descriptor);
  return (
    bestForPlatform(descriptors, platform) ??
    descriptors.find((descriptor) => descriptor.platform === undefined)
  );
}

async function describeManifest(store: Store, digest: Digest): Promise<Descriptor | undefined> {
  await store.hold([digest]);
  const size = await store.blobs.size(digest);
  if (size === undefined) return undefined;
  const mediaType = sniffMediaType(await store.blobs.read(digest, documentCap)) ?? '';
  return { mediaType, digest, size };
}

async function loadIfWhole(
  store: Store,
  name: string,
  descriptor: Descriptor,
): Promise<StoredImage | Missing> {
  try {
    return await loadImage(store, name, descriptor);
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== 'BLOB_MISSING') throw error;
    return { missing: `blob ${error.digest}` };
  }
}
