import { Buffer } from 'node:buffer';
import { createRequire } from 'node:module';
import { gzipSync } from 'node:zlib';
import {
  type Descriptor,
  type DiffID,
  type Digest,
  digestOf,
  encodeName,
  type Metadata,
  parseDiffID,
  type TarEntry,
  tarEnd,
  tarHeader,
  tarPadding,
} from '../../store/index.ts';

/** One member of a layer: what the tar says, and for a file its bytes. */
export interface LayerItem {
  readonly entry: TarEntry;
  readonly bytes: Uint8Array;
}

type Attributes = Partial<Omit<Metadata, 'path'>>;

const nothing = new Uint8Array();

/** A regular file, mode 0644 and owned by root unless told otherwise. */
export function file(
  path: string,
  content: string | Uint8Array,
  attributes?: Attributes,
): LayerItem {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  const entry = { ...metadata(path, 0o644, attributes), kind: 'file', size: bytes.length } as const;
  return { entry, bytes };
}

export function directory(path: string, attributes?: Attributes): LayerItem {
  return bodiless({ ...metadata(path, 0o755, attributes), kind: 'directory' });
}

export function symlink(path: string, target: string, attributes?: Attributes): LayerItem {
  return bodiless({ ...metadata(path, 0o777, attributes), kind: 'symlink', target });
}

export function hardlink(path: string, target: string, attributes?: Attributes): LayerItem {
  return bodiless({ ...metadata(path, 0o644, attributes), kind: 'hardlink', target });
}

export function special(
  path: string,
  type: 'character' | 'block' | 'fifo',
  major = 0,
  minor = 0,
): LayerItem {
  return bodiless({ ...metadata(path, 0o600), kind: 'special', type, major, minor });
}

/** `path` of the layers below is gone. */
export function whiteout(path: string): LayerItem {
  return bodiless({ kind: 'whiteout', path });
}

/** What the layers below have inside `path` is hidden. */
export function opaque(path: string): LayerItem {
  return bodiless({ kind: 'opaque', path });
}

/** An uncompressed layer. */
export function layerTar(items: readonly LayerItem[]): Uint8Array {
  const members = items.flatMap(({ entry, bytes }) => [
    tarHeader(entry),
    bytes,
    tarPadding(bytes.length),
  ]);
  return Buffer.concat([...members, tarEnd]);
}

export type Compression = 'gzip' | 'zstd' | 'none';

export interface BuiltLayer {
  readonly diffID: DiffID;
  readonly tar: Uint8Array;
  readonly blob: Uint8Array;
  readonly descriptor: Descriptor;
}

/** A layer as a registry holds it. Takes items, or the bytes of a tar made elsewhere. */
export function buildLayer(
  layer: readonly LayerItem[] | Uint8Array,
  { compression = 'gzip', docker = false }: { compression?: Compression; docker?: boolean } = {},
): BuiltLayer {
  const tar = layer instanceof Uint8Array ? layer : layerTar(layer);
  const blob = compress(tar, compression);
  return {
    diffID: parseDiffID(digestOf(tar)),
    tar,
    blob,
    descriptor: describe(docker ? dockerTypes.layer : ociLayerTypes[compression], blob),
  };
}

export interface ImageRecipe {
  /** Bottom first. */
  readonly layers: readonly (readonly LayerItem[] | Uint8Array)[];
  /** Of all layers; gzip unless told otherwise. */
  readonly compression?: Compression;
  /** `config` of the image config: Entrypoint, Cmd, Env, WorkingDir … in the wire's spelling. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly architecture?: string;
  readonly os?: string;
  /** Docker schema 2 media types instead of OCI ones. */
  readonly docker?: boolean;
}

export interface BuiltImage {
  /** Everything a registry needs, the manifest's own bytes included. */
  readonly blobs: ReadonlyMap<Digest, Uint8Array>;
  /** Descriptor of the manifest, with its platform. */
  readonly manifest: Descriptor;
  /** Descriptor of the image config. */
  readonly config: Descriptor;
  readonly layers: readonly BuiltLayer[];
}

/** An image of real layers, config and manifest. The same recipe gives the same digests. */
export function buildImage(recipe: ImageRecipe): BuiltImage {
  const { compression = 'gzip', docker = false, architecture = 'amd64', os = 'linux' } = recipe;
  const layers = recipe.layers.map((layer) => buildLayer(layer, { compression, docker }));
  const configBytes = json({
    architecture,
    os,
    config: recipe.config ?? {},
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffID }) => diffID) },
  });
  const types = docker ? dockerTypes : ociTypes;
  const config = describe(types.config, configBytes);
  const manifestBytes = json({
    schemaVersion: 2,
    mediaType: types.manifest,
    config,
    layers: layers.map(({ descriptor }) => descriptor),
  });
  const manifest = { ...describe(types.manifest, manifestBytes), platform: { architecture, os } };
  const blobs = new Map([
    ...layers.map(({ descriptor, blob }) => [descriptor.digest, blob] as const),
    [config.digest, configBytes] as const,
    [manifest.digest, manifestBytes] as const,
  ]);
  return { blobs, manifest, config, layers };
}

/** An index (or Docker manifest list) over images, as its blob and descriptor. */
export function buildIndex(
  manifests: readonly Descriptor[],
  { docker = false }: { docker?: boolean } = {},
): { readonly bytes: Uint8Array; readonly descriptor: Descriptor } {
  const mediaType = docker ? dockerTypes.index : ociTypes.index;
  const bytes = json({ schemaVersion: 2, mediaType, manifests });
  return { bytes, descriptor: describe(mediaType, bytes) };
}

export function compress(bytes: Uint8Array, compression: Compression): Uint8Array {
  switch (compression) {
    case 'gzip':
      return gzipSync(bytes, { level: 6 });
    case 'zstd':
      return zstdFrame(bytes);
    case 'none':
      return bytes;
  }
}

/** One zstd frame. Frames may be put one after the other. Needs the optional package zstd-napi. */
export function zstdFrame(bytes: Uint8Array): Uint8Array {
  const binding: typeof import('zstd-napi/binding.js') = createRequire(import.meta.url)(
    'zstd-napi/binding.js',
  );
  const frame = Buffer.alloc(binding.compressBound(bytes.length));
  return frame.subarray(0, binding.compress(frame, bytes, 3));
}

const ociTypes = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
};

const ociLayerTypes = {
  gzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  zstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
  none: 'application/vnd.oci.image.layer.v1.tar',
};

const dockerTypes = {
  index: 'application/vnd.docker.distribution.manifest.list.v2+json',
  manifest: 'application/vnd.docker.distribution.manifest.v2+json',
  config: 'application/vnd.docker.container.image.v1+json',
  layer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
};

function describe(mediaType: string, bytes: Uint8Array): Descriptor {
  return { mediaType, digest: digestOf(bytes), size: bytes.length };
}

function json(value: unknown): Uint8Array {
  return encodeName(JSON.stringify(value));
}

function metadata(path: string, mode: number, attributes: Attributes = {}): Metadata {
  return { path, mode, uid: 0, gid: 0, mtime: 0, ...attributes };
}

function bodiless(entry: TarEntry): LayerItem {
  return { entry, bytes: nothing };
}
