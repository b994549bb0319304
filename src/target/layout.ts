import { type Descriptor, type Digest, hexOf } from '../../store/index.ts';
import { fullNameOf } from '../oci/location.ts';
import { ociIndexType } from '../oci/media-type.ts';
import { subjectKey } from '../source/layout/index-json.ts';

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
  /** All that `root` and the referrers lead to, and themselves. */
  readonly blobs: readonly OutgoingBlob[];
  /** What refers to the image or to a part of it. */
  readonly referrers: readonly OutgoingReferrer[];
}

export interface OutgoingReferrer {
  readonly descriptor: Descriptor;
  readonly subject: Digest;
}

/** A file of a layout, by its name in it. */
export interface LayoutFile {
  readonly path: string;
  readonly size: number;
  open(): AsyncIterable<Uint8Array>;
}

const refName = 'org.opencontainers.image.ref.name';

/**
 * The files of an OCI image layout (image-layout.md) in the order they are to be written: what
 * leads to others comes after them. `listed` are entries of an index.json that stay, unless they
 * have a name that comes in anew. Referrers are entries without a name, among which oras looks for
 * `subject`, with the annotation by which containerd tells them from images.
 */
export function layoutFiles(
  images: readonly OutgoingImage[],
  listed: readonly Descriptor[] = [],
): readonly LayoutFile[] {
  const names = new Set(images.map(({ name }) => name));
  const referrers = distinct(images.flatMap((image) => image.referrers.map(referrerEntryOf)));
  const incoming = new Set(referrers.map(({ digest }) => digest));
  const kept = listed.filter(({ digest, annotations: { [refName]: name } = {} }) =>
    name === undefined ? !incoming.has(digest) : !names.has(name),
  );
  const manifests = [...kept, ...images.map(entryOf), ...referrers];
  const index = { schemaVersion: 2, mediaType: ociIndexType, manifests };
  return [
    ...distinct(images.flatMap(({ blobs }) => blobs)).map(({ digest, size, open }) => ({
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

/** Its own annotations stay out: one of them could be a name. */
function referrerEntryOf({ descriptor, subject }: OutgoingReferrer): Descriptor {
  const { mediaType, digest, size, artifactType } = descriptor;
  return {
    ...{ mediaType, digest, size },
    ...(artifactType !== undefined && { artifactType }),
    annotations: { [subjectKey]: subject },
  };
}

function distinct<T extends { readonly digest: Digest }>(things: readonly T[]): readonly T[] {
  return [...new Map(things.map((thing) => [thing.digest, thing])).values()];
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
