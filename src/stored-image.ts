import type { Descriptor, Digest, Store } from '../store/index.ts';
import { errorCodeOf } from './error.ts';
import { loadImage, type StoredImage } from './image.ts';
import { sniffMediaType } from './oci/document.ts';
import { documentCap } from './oci/json.ts';
import { bestForPlatform, formatPlatform, type Platform, platformMatches } from './oci/platform.ts';

export interface Sought {
  /** As the image is named in the store. */
  readonly name: string;
  readonly platform: Platform;
  /** Of the manifest: another image of that name is not the one. */
  readonly digest?: Digest | undefined;
}

/** An image that is whole in the store, or what the store lacks of it. */
export type Found = { readonly image: StoredImage } | { readonly missing: string };

/** Looks for an image in the store alone. Layers that are there but not unpacked yet are unpacked. */
export async function lookInStore(
  store: Store,
  { name, platform, digest }: Sought,
  options: { readonly signal?: AbortSignal } = {},
): Promise<Found> {
  const descriptor =
    digest === undefined
      ? await findNamed(store, name, platform)
      : await describeManifest(store, digest);
  const image = descriptor && (await loadIfWhole(store, name, descriptor));
  if (image === undefined || !platformMatches(image.config, platform)) {
    return { missing: digest ?? `image of that name for ${formatPlatform(platform)}` };
  }
  for (const { descriptor, diffID } of image.layers) {
    if (await store.layers.has(diffID)) continue;
    if ((await store.blobs.size(descriptor.digest)) !== descriptor.size) {
      return { missing: `layer ${descriptor.digest}` };
    }
    await store.layers.ingest(descriptor.digest, diffID, options);
  }
  return { image };
}

/** The entry of `name` that serves `platform` best; one that tells no platform where none does. */
async function findNamed(
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
  const size = await store.blobs.size(digest);
  if (size === undefined) return undefined;
  const mediaType = sniffMediaType(await store.blobs.read(digest, documentCap)) ?? '';
  return { mediaType, digest, size };
}

async function loadIfWhole(
  store: Store,
  name: string,
  descriptor: Descriptor,
): Promise<StoredImage | undefined> {
  try {
    return await loadImage(store, name, descriptor);
  } catch (error) {
    if (errorCodeOf(error) === 'BLOB_MISSING') return undefined;
    throw error;
  }
}
