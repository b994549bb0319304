import { Buffer } from 'node:buffer';
import type { Descriptor, Digest } from '../../store/index.ts';
import { descriptorOf, jsonBytes, mediaTypes } from './descriptor.ts';
import { type BuiltLayer, buildLayer, type Compression, type LayerItem } from './layers.ts';

/** Everything behind one name: what a registry serves and a layout holds. */
export interface Image {
  /** Documents, configs and layers, byte for byte. */
  readonly blobs: ReadonlyMap<Digest, Uint8Array>;
  /** Descriptor of the manifest, with its platform, or of an index. */
  readonly root: Descriptor;
}

export interface ImageRecipe {
  /** Bottom first: items, the bytes of a tar made elsewhere, or a layer that is built already. */
  readonly layers: readonly (readonly LayerItem[] | Uint8Array | BuiltLayer)[];
  /** Of the layers built here; gzip unless told otherwise. */
  readonly compression?: Compression;
  /** `config` of the image config: Entrypoint, Cmd, Env, WorkingDir … in the wire's spelling. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** `history` of the image config. */
  readonly history?: readonly object[];
  readonly architecture?: string;
  readonly os?: string;
  /** Docker schema 2 media types instead of OCI ones. */
  readonly docker?: boolean;
}

export interface BuiltImage extends Image {
  /** Descriptor of the image config. */
  readonly config: Descriptor;
  readonly layers: readonly BuiltLayer[];
}

/** An image of one platform. The same recipe gives the same digests. */
export function buildImage(recipe: ImageRecipe): BuiltImage {
  const { compression = 'gzip', docker = false, architecture = 'amd64', os = 'linux' } = recipe;
  const layers = recipe.layers.map((layer) =>
    'diffID' in layer ? layer : buildLayer(layer, { compression, docker }),
  );
  const types = docker ? mediaTypes.docker : mediaTypes.oci;
  const configBytes = jsonBytes({
    architecture,
    os,
    config: recipe.config ?? {},
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffID }) => diffID) },
    history: recipe.history,
  });
  const config = descriptorOf(types.config, configBytes);
  const manifestBytes = jsonBytes({
    schemaVersion: 2,
    mediaType: types.manifest,
    config,
    layers: layers.map(({ descriptor }) => descriptor),
  });
  const root = { ...descriptorOf(types.manifest, manifestBytes), platform: { architecture, os } };
  const blobs = new Map([
    ...layers.map(({ descriptor, blob }) => [descriptor.digest, blob] as const),
    [config.digest, configBytes] as const,
    [root.digest, manifestBytes] as const,
  ]);
  return { blobs, root, config, layers };
}

/** An index (or Docker manifest list) over images. */
export function buildIndex(
  images: readonly Image[],
  { docker = false }: { docker?: boolean } = {},
): Image {
  const mediaType = (docker ? mediaTypes.docker : mediaTypes.oci).index;
  const manifests = images.map(({ root }) => root);
  const bytes = jsonBytes({ schemaVersion: 2, mediaType, manifests });
  const root = descriptorOf(mediaType, bytes);
  const blobs = images.flatMap((image) => [...image.blobs]);
  return { blobs: new Map([...blobs, [root.digest, bytes]]), root };
}

/** Descriptors of the manifest or index behind an image, and of all that an index leads to. */
export function documentsOf(image: Image, root: Descriptor = image.root): readonly Descriptor[] {
  const bytes = image.blobs.get(root.digest);
  if (bytes === undefined) {
    throw new Error(`documentsOf: the image has no ${root.digest}`);
  }
  const { manifests = [] }: { manifests?: readonly Descriptor[] } = JSON.parse(
    Buffer.from(bytes).toString(),
  );
  return [root, ...manifests.flatMap((manifest) => documentsOf(image, manifest))];
}
