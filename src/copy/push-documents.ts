import type { Descriptor } from '../../store/index.ts';
import { referrerOf } from '../oci/links.ts';
import type { Reference } from '../oci/reference.ts';
import { referrersTag } from '../oci/referrers-tag.ts';
import type { RegistryApi } from '../source/registry/api.ts';
import type { SourceCallOptions } from '../source/source.ts';
import type { RegistryWriter } from '../target/registry.ts';
import { addTaggedReferrer } from '../target/tagged-referrers.ts';
import type { Document } from './documents.ts';

export interface DocumentsTarget {
  readonly api: RegistryApi;
  readonly writer: RegistryWriter;
  readonly reference: Reference;
}

/**
 * Puts manifests and indexes in their order, whose parts are all there, by their digests; `root` gets
 * the name. What refers to something is added to the list of its referrers where the registry keeps
 * none.
 * @throws ConvertError any code of the table's "Sources", `DIGEST_MISMATCH`, `MANIFEST_INVALID`.
 */
export async function pushDocuments(
  documents: readonly Document[],
  root: Descriptor,
  { api, writer, reference }: DocumentsTarget,
  options: SourceCallOptions = {},
): Promise<void> {
  const { tag } = reference;
  for (const { descriptor, bytes, links } of documents) {
    const { digest } = descriptor;
    const key = (digest === root.digest ? tag : undefined) ?? digest;
    const { subjectKnown } = await writer.putManifest(descriptor, bytes, key, options);
    const subject = links.subject?.digest;
    // Under that tag the list itself is being pushed.
    if (subject === undefined || subjectKnown || tag === referrersTag(subject)) continue;
    await addTaggedReferrer(api, writer, subject, referrerOf(descriptor, links), options);
  }
}
