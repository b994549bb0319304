import { type Descriptor, type Digest, type Store, StoreError } from '../../store/index.ts';
import { type ImageConfig, type LayerPair, pairLayers, parseImageConfig } from '../oci/config.ts';
import { documentCap } from '../oci/json.ts';
import { type Manifest, parseManifest } from '../oci/manifest.ts';
import { formatPlatform } from '../oci/platform.ts';

/** An image whose manifest, config and layers are in the store. */
export interface StoredImage {
  /** The name it has in the store. */
  readonly name: string;
  readonly descriptor: Descriptor;
  readonly manifest: Manifest;
  readonly config: ImageConfig;
  /** From the bottom up. */
  readonly layers: readonly LayerPair[];
  /** `os/architecture[/variant]`. */
  readonly platform: string;
}

export interface ImageSummary {
  readonly reference: string;
  readonly digest: Digest;
  readonly platform: string;
  /** Bytes of the compressed layers. */
  readonly size: number;
}

/**
 * Reads manifest and config back, verified.
 * @throws ConvertError `MANIFEST_INVALID`, `CONFIG_INVALID`, `IMAGE_UNSUPPORTED`; StoreError.
 */
export async function loadImage(
  store: Store,
  name: string,
  descriptor: Descriptor,
): Promise<StoredImage> {
  const manifest = await parseManifest(await store.blobs.read(descriptor.digest, documentCap));
  const config = await parseImageConfig(
    await store.blobs.read(manifest.config.digest, documentCap),
  );
  const layers = pairLayers(manifest, config);
  return { name, descriptor, manifest, config, layers, platform: formatPlatform(config) };
}

/** The images in the store by name; artifacts such as kernels are none. */
export async function listImages(store: Store): Promise<readonly ImageSummary[]> {
  const images: ImageSummary[] = [];
  for (const { name, descriptor } of await store.refs.list()) {
    if (descriptor.artifactType !== undefined) continue;
    const image = await loadIfNamed(store, name, descriptor);
    if (image === undefined) continue;
    const { manifest, platform } = image;
    const size = manifest.layers.reduce((total, layer) => total + layer.size, 0);
    images.push({ reference: name, digest: descriptor.digest, platform, size });
  }
  return images;
}

/** Undefined for an image whose name is taken away while it is looked at. */
async function loadIfNamed(
  store: Store,
  name: string,
  descriptor: Descriptor,
): Promise<StoredImage | undefined> {
  try {
    return await loadImage(store, name, descriptor);
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== 'BLOB_MISSING') throw error;
    const refs = await store.refs.list();
    const isNamed = refs.some(
      (ref) => ref.name === name && ref.descriptor.digest === descriptor.digest,
    );
    // It may have gone, and come again.
    return isNamed ? await loadImage(store, name, descriptor) : undefined;
  }
}
