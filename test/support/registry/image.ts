import { gzipSync } from 'node:zlib';
import { digestOf } from '../../../store/index.ts';

/** A manifest, an index, or whatever a registry hands out under `/manifests/`. */
export interface ServedManifest {
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

/** What the in-process registry serves under one repository. */
export interface ServedImage {
  readonly repository: string;
  /** Names of the last of `manifests`; the others are there by digest only. */
  readonly tags: readonly string[];
  readonly manifests: readonly ServedManifest[];
  readonly blobs: readonly Uint8Array[];
}

/** A layer to serve: `blob` is the tar compressed, gzip unless given with its own media type. */
export interface LayerInput {
  readonly tar: Uint8Array;
  readonly blob?: Uint8Array;
  readonly mediaType?: string;
}

export interface ImageInput {
  readonly repository: string;
  readonly tags?: readonly string[];
  readonly layers: readonly LayerInput[];
  /** The `config` member of the image config: Env, Entrypoint, Cmd, WorkingDir, ... */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly platform?: Platform;
  /** Which family of media types the image speaks. */
  readonly format?: Format;
}

type Format = 'oci' | 'docker';
type Platform = {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
};

export const mediaTypes = {
  oci: {
    index: 'application/vnd.oci.image.index.v1+json',
    manifest: 'application/vnd.oci.image.manifest.v1+json',
    config: 'application/vnd.oci.image.config.v1+json',
    layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
  },
  docker: {
    index: 'application/vnd.docker.distribution.manifest.list.v2+json',
    manifest: 'application/vnd.docker.distribution.manifest.v2+json',
    config: 'application/vnd.docker.container.image.v1+json',
    layer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
  },
} as const satisfies Record<Format, Record<string, string>>;

const amd64: Platform = { os: 'linux', architecture: 'amd64' };

export function jsonBytes(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}

export function descriptorOf(mediaType: string, bytes: Uint8Array) {
  return { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
}

/** An image of one platform, made of the given tars. */
export function imageOf(input: ImageInput): ServedImage {
  const types = mediaTypes[input.format ?? 'oci'];
  const layers = input.layers.map((layer) => {
    const bytes = layer.blob ?? gzipSync(layer.tar);
    return { bytes, descriptor: descriptorOf(layer.mediaType ?? types.layer, bytes) };
  });
  const config = jsonBytes({
    ...(input.platform ?? amd64),
    config: input.config ?? {},
    rootfs: { type: 'layers', diff_ids: input.layers.map((layer) => digestOf(layer.tar)) },
  });
  const manifest = jsonBytes({
    schemaVersion: 2,
    mediaType: types.manifest,
    config: descriptorOf(types.config, config),
    layers: layers.map((layer) => layer.descriptor),
  });
  return {
    repository: input.repository,
    tags: input.tags ?? ['latest'],
    manifests: [{ mediaType: types.manifest, bytes: manifest }],
    blobs: [config, ...layers.map((layer) => layer.bytes)],
  };
}

/** One index over images of several platforms; repository and tags are those given here. */
export function indexOf(
  name: { readonly repository: string; readonly tags?: readonly string[] },
  images: readonly { readonly image: ServedImage; readonly platform?: Platform }[],
  format: Format = 'oci',
): ServedImage {
  const mediaType = mediaTypes[format].index;
  const manifests = images.map(({ image, platform }) => {
    const root = image.manifests.at(-1);
    if (root === undefined) {
      throw new Error(`indexOf: ${image.repository} has no manifest`);
    }
    return { ...descriptorOf(root.mediaType, root.bytes), ...(platform && { platform }) };
  });
  const bytes = jsonBytes({ schemaVersion: 2, mediaType, manifests });
  return {
    repository: name.repository,
    tags: name.tags ?? ['latest'],
    manifests: [...images.flatMap(({ image }) => image.manifests), { mediaType, bytes }],
    blobs: images.flatMap(({ image }) => image.blobs),
  };
}
