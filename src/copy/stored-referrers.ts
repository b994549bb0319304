import type { Descriptor, Digest, Store } from '../../store/index.ts';
import { ConvertError } from '../error.ts';
import { parseImageIndex } from '../oci/image-index.ts';
import { documentCap } from '../oci/json.ts';
import { formatLocation, type Location } from '../oci/location.ts';
import { ociIndexType } from '../oci/media-type.ts';
import type { Reference } from '../oci/reference.ts';
import { referrersTag } from '../oci/referrers-tag.ts';
import { shellWord } from '../shell-word.ts';
import type { Resolved, Source, SourceCallOptions } from '../source/source.ts';
import { collectDocuments, type Document } from './documents.ts';

/** In the store's index.json: tells a list of referrers from an image of several platforms. */
const listArtifact = 'application/vnd.osv-convert.referrers.v1';

/** Of one image. */
export const maxReferrers = 1000;

/** A document that says what it refers to. */
export interface Referrer extends Document {
  readonly subject: Digest;
}

/** The name of the list of referrers in the store. */
export function referrersName({ registry, repository }: Reference, digest: Digest): string {
  return `${registry}/${repository}:${referrersTag(digest)}`;
}

/**
 * Records what refers to `digest` as the registry schema for lists of referrers has it: an index under
 * a name `REPOSITORY:sha256-HEX`, in the place of the one that was there.
 * @throws StoreError.
 */
export async function recordReferrers(
  store: Store,
  reference: Reference,
  digest: Digest,
  referrers: readonly Descriptor[],
): Promise<void> {
  const index = { schemaVersion: 2, mediaType: ociIndexType, manifests: referrers };
  const bytes = Buffer.from(JSON.stringify(index));
  await store.refs.set(referrersName(reference, digest), {
    mediaType: ociIndexType,
    digest: await store.blobs.put(bytes),
    size: bytes.length,
    artifactType: listArtifact,
  });
}

/**
 * Records what refers to `digest` beside what the list of that name has already: a file that brings
 * some of them does not know of the others.
 * @throws ConvertError `MANIFEST_INVALID` for a list that is none, and where it would become too long;
 * StoreError.
 */
export async function addReferrers(
  store: Store,
  reference: Reference,
  digest: Digest,
  referrers: readonly Descriptor[],
): Promise<void> {
  const name = referrersName(reference, digest);
  const list = await store.refs.get(name);
  const bytes = list && (await store.blobs.read(list.digest, documentCap));
  const known = bytes === undefined ? [] : (await parseImageIndex(bytes)).manifests;
  const listed = new Set(known.map((one) => one.digest));
  const fresh = referrers.filter((one) => !listed.has(one.digest));
  if (fresh.length === 0) return;
  const all = [...known, ...fresh];
  if (all.length > maxReferrers) {
    throw new ConvertError(
      'MANIFEST_INVALID',
      `recording the referrers of ${digest}: found ${all.length}, wanted at most ${maxReferrers}`,
    );
  }
  await recordReferrers(store, reference, digest, all);
}

/**
 * What in the store refers to a document of the image, for some tools sign the whole and some its
 * parts. All lists count, whatever repository they came from: an image may have another name by now.
 * @param source from which what the lists name is read.
 * @throws ConvertError `MANIFEST_INVALID`; StoreError.
 */
export async function collectReferrers(
  store: Store,
  source: Source,
  image: readonly Document[],
  options: SourceCallOptions = {},
): Promise<readonly Referrer[]> {
  const digests = new Set(image.map(({ descriptor }) => descriptor.digest));
  const found = new Map<Digest, Referrer>();
  for (const list of await listsOf(store, digests)) {
    for (const document of await collectDocuments(source, list, options)) {
      const subject = document.links.subject?.digest;
      if (subject === undefined || !digests.has(subject)) continue;
      found.set(document.descriptor.digest, { ...document, subject });
    }
  }
  return [...found.values()];
}

async function listsOf(store: Store, digests: ReadonlySet<Digest>): Promise<readonly Resolved[]> {
  const tags = [...digests].map(referrersTag);
  const lists: Resolved[] = [];
  for (const { name, descriptor } of await store.refs.list()) {
    const isList = descriptor.artifactType === listArtifact;
    if (!isList || !tags.some((tag) => name.endsWith(`:${tag}`))) continue;
    lists.push({ descriptor, bytes: await store.blobs.read(descriptor.digest, documentCap) });
  }
  return lists;
}

/** Only the store tells what refers to an image. @throws ConvertError `USAGE`. */
export function requireStored(location: Location): void {
  if (location.transport === 'store') return;
  const isRemote = location.transport === 'registry';
  throw new ConvertError(
    'USAGE',
    `looking for what refers to ${formatLocation(location)}: found no name in the store, wanted one`,
    {
      hint: isRemote
        ? `osv-convert pull --referrers ${formatLocation(location)}`
        : `osv-convert load ${shellWord(location.path)}`,
    },
  );
}
