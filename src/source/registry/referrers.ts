import type { Descriptor, Digest } from '../../../store/index.ts';
import { parseImageIndex } from '../../oci/image-index.ts';
import { indexTypes } from '../../oci/media-type.ts';
import { referrersTag } from '../../oci/referrers-tag.ts';
import type { RegistryApi } from './api.ts';
import { readPages } from './pages.ts';
import { readManifest } from './read-manifest.ts';

export interface FetchReferrersOptions {
  /** Only those of this type. */
  readonly artifactType?: string;
  readonly signal?: AbortSignal;
}

const [indexType = ''] = indexTypes;

/** Answers of registries that know no referrers API. */
const unknownApi: readonly number[] = [400, 404, 405];

/**
 * What in the repository refers to `digest`: signatures, SBOMs and the like, by the referrers API
 * (distribution-spec, "Listing Referrers") or else by the tag schema. A digest that is not there has
 * none. The list is what the registry says: each manifest's own `subject` is the taker's to check.
 * @throws ConvertError `MANIFEST_INVALID`; any code of the table's "Sources".
 */
export async function fetchReferrers(
  api: RegistryApi,
  digest: Digest,
  { artifactType, signal }: FetchReferrersOptions = {},
): Promise<readonly Descriptor[]> {
  const all =
    (await byApi(api, digest, artifactType, signal)) ??
    (await fetchTaggedReferrers(api, digest, signal));
  const wanted = all.filter((each) => (artifactType ?? each.artifactType) === each.artifactType);
  return [...new Map(wanted.map((each) => [each.digest, each])).values()];
}

/** Undefined when the registry knows no such API. */
async function byApi(
  api: RegistryApi,
  digest: Digest,
  artifactType: string | undefined,
  signal: AbortSignal | undefined,
): Promise<readonly Descriptor[] | undefined> {
  const action = `listing the referrers of ${digest} in ${api.name}`;
  const filter =
    artifactType === undefined ? '' : `?artifactType=${encodeURIComponent(artifactType)}`;
  const found: Descriptor[] = [];
  const pages = readPages(api, {
    action,
    path: `referrers/${digest}${filter}`,
    headers: { accept: indexType },
    expect: unknownApi,
    signal,
  });
  for await (const { response, bytes } of pages) {
    // A page for people, such as a registry's own site, is no answer of this API either.
    const type = response.header('content-type')?.split(';', 1)[0]?.trim();
    if (unknownApi.includes(response.status) || type !== indexType) return undefined;
    found.push(...(await parseImageIndex(bytes)).manifests);
  }
  return found;
}

/** The index under the tag of the tag schema, as it stands there; none where there is no such tag. */
export async function fetchTaggedReferrers(
  api: RegistryApi,
  digest: Digest,
  signal?: AbortSignal,
): Promise<readonly Descriptor[]> {
  const tag = referrersTag(digest);
  const action = `fetching the list of referrers ${tag} of ${api.name}`;
  const accept = [indexType];
  const request = { action, key: tag, accept, expect: [404], signal };
  const { response, bytes } = await readManifest(api, request);
  return response.status === 404 ? [] : (await parseImageIndex(bytes)).manifests;
}
