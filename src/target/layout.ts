import { type Descriptor, type Digest, hexOf } from '../../store/index.ts';
import { fullNameOf } from '../oci/location.ts';

/** A blob on its way out, verified by whoever reads it. */
export interface OutgoingBlob {
  readonly digest: Digest;
  readonly size: number;
  open(): AsyncIterable<Uint8Array>;
}

/** An image on its way out. */
export interface OutgoingImage {
  readonly name: string;
  /** Of a manifest or an index. */
  readonly root: Descriptor;
  /** All that `root` leads to, and itself. */
  readonly blobs: readonly OutgoingBlob[];
}

/** A file of a layout, by its name in it. */
export interface LayoutFile {
  readonly path: string;
  readonly size: number;
  open(): AsyncIterable<Uint8Array>;
}

const indexType = 'application/vnd.oci.image.index.v1+json';
const refName = 'org.opencontainers.image.ref.name';

/**
 * The files of an OCI image layout (image-layout.md) in the order they are to be written: what
 * leads to others comes after them. `listed` are entries of an index.json that stay, unless they
 * have a name that comes in anew.
 */
export function layoutFiles(
  images: readonly OutgoingImage[],
  listed: readonly Descriptor[] = [],
): readonly LayoutFile[] {
  const names = new Set(images.map(({ name }) => name));
  const kept = listed.filter(({ annotations }) => !names.has(annotations?.[refName] ?? ''));
  const manifests = [...kept, ...images.map(entryOf)];
  const index = { schemaVersion: 2, mediaType: indexType, manifests };
  return [
    ...distinctBlobs(images).map(({ digest, size, open }) => ({
      path: blobPath(digest),
      size,
      open,
    })),
    smallFile('oci-layout', '{"imageLayoutVersion":"1.0.0"}\n'),
    smallFile('index.json', `${JSON.stringify(index, undefined, 2)}\n`),
  ];
}

/** Names as podman and skopeo look for them, and as containerd and docker do. */
function entryOf({ name, root }: OutgoingImage): Descriptor {
  const { mediaType, digest, size, platform } = root;
  const containerd = fullNameOf(name) === name ? { 'io.containerd.image.name': name } : {};
  return {
    mediaType,
    digest,
    size,
    ...(platform !== undefined && { platform }),
    annotations: { ...containerd, [refName]: name },
  };
}

function distinctBlobs(images: readonly OutgoingImage[]): readonly OutgoingBlob[] {
  const blobs = images.flatMap((image) => image.blobs.map((blob) => [blob.digest, blob] as const));
  return [...new Map(blobs).values()];
}

function blobPath(digest: Digest): string {
  return `blobs/sha256/${hexOf(digest)}`;
}

export function smallFile(path: string, text: string): LayoutFile {
  const bytes = Buffer.from(text);
  return {
    path,
    size: bytes.length,
    async *open() {
      yield bytes;
    },
  };
}
