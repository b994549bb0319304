import { Buffer } from 'node:buffer';
import { createRequire } from 'node:module';
import { gzipSync } from 'node:zlib';
import {
  type Descriptor,
  type DiffID,
  digestOf,
  type Metadata,
  parseDiffID,
  type TarEntry,
  tarEnd,
  tarHeader,
  tarPadding,
} from '../../store/index.ts';
import { descriptorOf, mediaTypes } from './descriptor.ts';

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

/** A layer as a registry holds it. */
export interface BuiltLayer {
  readonly diffID: DiffID;
  readonly tar: Uint8Array;
  readonly blob: Uint8Array;
  readonly descriptor: Descriptor;
}

export interface LayerOptions {
  readonly compression?: Compression;
  /** Docker's media type instead of OCI's. */
  readonly docker?: boolean;
  /** Sent in place of the compressed tar. */
  readonly blob?: Uint8Array;
}

/** Takes items, or the bytes of a tar made elsewhere. */
export function buildLayer(
  layer: readonly LayerItem[] | Uint8Array,
  options: LayerOptions = {},
): BuiltLayer {
  const tar = layer instanceof Uint8Array ? layer : layerTar(layer);
  const { compression = 'gzip', docker = false, blob = compress(tar, compression) } = options;
  const suffix = { gzip: '+gzip', zstd: '+zstd', none: '' }[compression];
  const mediaType = docker
    ? mediaTypes.docker.layer
    : `application/vnd.oci.image.layer.v1.tar${suffix}`;
  const descriptor = descriptorOf(mediaType, blob);
  return { diffID: parseDiffID(digestOf(tar)), tar, blob, descriptor };
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

function metadata(path: string, mode: number, attributes: Attributes = {}): Metadata {
  return { path, mode, uid: 0, gid: 0, mtime: 0, ...attributes };
}

function bodiless(entry: TarEntry): LayerItem {
  return { entry, bytes: nothing };
}
