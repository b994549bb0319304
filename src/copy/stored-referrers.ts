import type { Descriptor, Digest, Store } from '../../store/index.ts';
import { documentCap } from '../oci/json.ts';
import type { Reference } from '../oci/reference.ts';
import { referrersTag } from '../source/registry/referrers.ts';
import type { Resolved } from '../source/source.ts';

/** In the store's index.json: tells a list of referrers from an image of several platforms. */
const listArtifact = 'application/vnd.osv-convert.referrers.v1';

const indexType = 'application/vnd.oci.image.index.v1+json';

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
  const index = { schemaVersion: 2, mediaType: indexType, manifests: referrers };
  const bytes = Buffer.from(JSON.stringify(index));
  await store.refs.set(referrersName(reference, digest), {
    mediaType: indexType,
    digest: await store.blobs.put(bytes),
    size: bytes.length,
    artifactType: listArtifact,
  });
}

/**
 * The lists in the store of what refers to one of `digests`. All count, whatever repository they came
 * from: an image may have another name by now.
 * @throws StoreError.
 */
export async function storedReferrers(
  store: Store,
  digests: readonly Digest[],
): Promise<readonly Resolved[]> {
  const tags = digests.map(referrersTag);
  const lists: Resolved[] = [];
  for (const { name, descriptor } of await store.refs.list()) {
    const isList = descriptor.artifactType === listArtifact;
    if (!isList || !tags.some((tag) => name.endsWith(`:${tag}`))) continue;
    lists.push({ descriptor, bytes: await store.blobs.read(descriptor.digest, documentCap) });
  }
  return lists;
}
