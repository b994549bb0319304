import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import {
  type Descriptor,
  type Digest,
  digestOf,
  type Store,
  tarEnd,
  tarHeader,
  tarPadding,
} from '../../store/index.ts';

export interface ContainerDisk {
  /** Of the manifest. */
  readonly descriptor: Descriptor;
  /** Of the only layer. */
  readonly layer: { readonly digest: Digest; readonly size: number };
}

export interface ContainerDiskOptions {
  /** In the store. */
  readonly name: string;
  /** As OCI has it: `amd64`, `arm64`. */
  readonly architecture: string;
  readonly signal?: AbortSignal;
}

/** KubeVirt, "containerDisk": the only file of this folder is the disk, and QEMU, user and group 107, reads it. */
const diskPath = 'disk/disk.qcow2';
const owner = { uid: 107, gid: 107, mtime: 0 };

const manifestType = 'application/vnd.oci.image.manifest.v1+json';
const configType = 'application/vnd.oci.image.config.v1+json';
const layerType = 'application/vnd.oci.image.layer.v1.tar';

/**
 * Takes the qcow2 file at `path` into the store as an image that holds nothing but it, for KubeVirt to run.
 * `push` and `save` send it like any other.
 * @throws StoreError.
 */
export async function storeContainerDisk(
  store: Store,
  path: string,
  { name, architecture, signal }: ContainerDiskOptions,
): Promise<ContainerDisk> {
  const { diffID, size } = await store.layers.write(layerOf(path), signal ? { signal } : {});
  const platform = { os: 'linux', architecture };
  const config = jsonOf({
    ...platform,
    config: {},
    rootfs: { type: 'layers', diff_ids: [diffID] },
    history: [{ created_by: 'osv-convert' }],
  });
  const manifest = jsonOf({
    schemaVersion: 2,
    mediaType: manifestType,
    config: { mediaType: configType, digest: await store.blobs.put(config), size: config.length },
    layers: [{ mediaType: layerType, digest: diffID, size }],
  });
  await store.blobs.put(manifest);
  const descriptor = { mediaType: manifestType, digest: digestOf(manifest), size: manifest.length };
  await store.refs.set(name, { ...descriptor, platform });
  return { descriptor, layer: { digest: diffID, size } };
}

async function* layerOf(path: string): AsyncGenerator<Uint8Array, void, undefined> {
  const { size } = await stat(path);
  yield tarHeader({ kind: 'directory', path: 'disk', mode: 0o555, ...owner });
  yield tarHeader({ kind: 'file', path: diskPath, size, mode: 0o440, ...owner });
  yield* createReadStream(path, { highWaterMark: 1 << 20 });
  yield tarPadding(size);
  yield tarEnd;
}

function jsonOf(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}
