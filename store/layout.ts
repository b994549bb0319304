import { join } from 'node:path';
import { type DiffID, type Digest, hexOf } from './digest.ts';

/** Where everything in a store lies: an OCI image layout (image-layout.md) with folders of ours. */
export interface Layout {
  readonly root: string;
  readonly marker: string;
  readonly index: string;
  /** What index.json said when it was written here last: names are all that nothing else tells. */
  readonly indexBackup: string;
  readonly blobs: string;
  /** Files being written; each is renamed to its place or removed. */
  readonly ingest: string;
  /** Blobs that came in part, by digest; whoever continues one holds the lease of the blob. */
  readonly partials: string;
  readonly leases: string;
  /** The lock under which names change. */
  readonly indexLock: string;
  /** The lock under which things are held and removed; who takes `indexLock` too takes this first. */
  readonly gate: string;
  /** What was found damaged. */
  readonly quarantine: string;
  readonly layers: string;
  /** Layers of the version that is written here, by digest. */
  readonly ownLayers: string;
  blob(digest: Digest): string;
  partial(digest: Digest): string;
  /** The lock of those who are bringing in a blob or unpacking a layer. */
  lease(kind: 'blob' | 'layer', digest: Digest): string;
  layer(diffID: DiffID): LayerFiles;
}

export interface LayerFiles {
  readonly folder: string;
  /** The uncompressed layer. */
  readonly tar: string;
  /** Its entries. Written last: where it is, the layer is complete. */
  readonly index: string;
}

/** Version of `layers/vN`; it changes when tar or index would be read differently. */
export const layersVersion = 'v2';

/** Whether layers in the folder `layers/NAME` are of a version before ours. */
export function isOlderVersion(name: string): boolean {
  return versionOf(name) < versionOf(layersVersion);
}

export function isNewerVersion(name: string): boolean {
  return versionOf(name) > versionOf(layersVersion);
}

/** Not a number for what is no version: that is neither older nor newer. */
function versionOf(name: string): number {
  return Number(/^v(\d+)$/.exec(name)?.[1]);
}

export function layoutOf(root: string): Layout {
  const blobs = join(root, 'blobs', 'sha256');
  const ownLayers = join(root, 'layers', layersVersion, 'sha256');
  return {
    root,
    marker: join(root, 'oci-layout'),
    index: join(root, 'index.json'),
    indexBackup: join(root, 'index.backup.json'),
    blobs,
    ingest: join(root, 'ingest'),
    partials: join(root, 'ingest', 'partial', 'sha256'),
    leases: join(root, 'leases'),
    indexLock: join(root, 'leases', 'index.lock'),
    gate: join(root, 'leases', 'gate.lock'),
    quarantine: join(root, 'quarantine'),
    layers: join(root, 'layers'),
    ownLayers,
    // Not by `join`, which costs as much as to look at the file: these are asked for by the 100,000.
    blob: (digest) => `${blobs}/${hexOf(digest)}`,
    partial: (digest) => join(root, 'ingest', 'partial', 'sha256', hexOf(digest)),
    lease: (kind, digest) => join(root, 'leases', `${kind}-${hexOf(digest)}.lock`),
    layer(diffID) {
      const folder = `${ownLayers}/${hexOf(diffID)}`;
      return { folder, tar: `${folder}/tar`, index: `${folder}/index` };
    },
  };
}
