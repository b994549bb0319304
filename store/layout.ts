import { join } from 'node:path';
import { type DiffID, type Digest, hexOf } from './digest.ts';

/** Where everything in a store lies: an OCI image layout (image-layout.md) with folders of ours. */
export interface Layout {
  readonly root: string;
  readonly marker: string;
  readonly index: string;
  /** Files being written; each is renamed to its place or removed. */
  readonly ingest: string;
  /** Blobs that came in part, by digest; whoever continues one holds the lease of the blob. */
  readonly partials: string;
  readonly leases: string;
  readonly layers: string;
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
export const layersVersion = 'v1';

export function layoutOf(root: string): Layout {
  return {
    root,
    marker: join(root, 'oci-layout'),
    index: join(root, 'index.json'),
    ingest: join(root, 'ingest'),
    partials: join(root, 'ingest', 'partial', 'sha256'),
    leases: join(root, 'leases'),
    layers: join(root, 'layers'),
    blob: (digest) => join(root, 'blobs', 'sha256', hexOf(digest)),
    partial: (digest) => join(root, 'ingest', 'partial', 'sha256', hexOf(digest)),
    lease: (kind, digest) => join(root, 'leases', `${kind}-${hexOf(digest)}.lock`),
    layer(diffID) {
      const folder = join(root, 'layers', layersVersion, 'sha256', hexOf(diffID));
      return { folder, tar: join(folder, 'tar'), index: join(folder, 'index') };
    },
  };
}
