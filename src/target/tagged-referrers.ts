import { type Descriptor, type Digest, digestOf } from '../../store/index.ts';
import { ociIndexType } from '../oci/media-type.ts';
import { referrersTag } from '../oci/referrers-tag.ts';
import type { RegistryApi } from '../source/registry/api.ts';
import { fetchTaggedReferrers } from '../source/registry/referrers.ts';
import type { RegistryWriter, WriteOptions } from './registry.ts';

/**
 * Adds `referrer` to the list of what refers to `subject` that stands under a tag, as is left to
 * clients where a registry keeps no such list itself (distribution-spec, "Pushing Manifests with
 * Subject"). Of two who do so at one moment one may lose: the tag schema has no remedy.
 * @throws ConvertError any code of the table's "Sources", `MANIFEST_INVALID` when the tag is no list.
 */
export async function addTaggedReferrer(
  api: RegistryApi,
  writer: RegistryWriter,
  subject: Digest,
  referrer: Descriptor,
  options: WriteOptions = {},
): Promise<void> {
  const known = await fetchTaggedReferrers(api, subject, options.signal);
  if (known.some(({ digest }) => digest === referrer.digest)) return;
  const index = { schemaVersion: 2, mediaType: ociIndexType, manifests: [...known, referrer] };
  const bytes = Buffer.from(JSON.stringify(index));
  const descriptor = { mediaType: ociIndexType, digest: digestOf(bytes), size: bytes.length };
  await writer.putManifest(descriptor, bytes, referrersTag(subject), options);
}
