import type { Descriptor, Digest, Store } from '../../store/index.ts';
import type { OnEvent } from '../event.ts';
import { parseLinks, referrerOf } from '../oci/links.ts';
import { isDocumentType } from '../oci/media-type.ts';
import { readDocument } from '../source/document.ts';
import type { Source } from '../source/source.ts';

/** Where referrers of an image come from, and where they go. */
export interface ReferrerTransfer {
  readonly store: Store;
  readonly source: Source;
  readonly onEvent?: OnEvent;
  readonly signal?: AbortSignal;
}

/**
 * Brings what refers to `subject` into the store, each part verified. The manifest comes last: with it
 * all is there.
 * @returns the referrer as its own manifest describes it; undefined, after a warning, for what does not
 * refer to `subject`.
 * @throws ConvertError `MANIFEST_INVALID`, `DIGEST_MISMATCH`, the codes of sources; StoreError.
 */
export async function takeReferrer(
  transfer: ReferrerTransfer,
  subject: Digest,
  descriptor: Descriptor,
): Promise<Descriptor | undefined> {
  const { store, source, onEvent, signal } = transfer;
  const call = signal ? { signal } : {};
  const leaveOut = (why: string): undefined => {
    const text = `left out ${descriptor.digest} among the referrers of ${subject}: it ${why}`;
    onEvent?.({ event: 'warning', text });
  };
  if (!isDocumentType(descriptor.mediaType)) return leaveOut('is no manifest');
  const bytes = await readDocument(source, descriptor, call);
  const links = await parseLinks(bytes);
  if (links.subject?.digest !== subject) {
    return leaveOut(`refers to ${links.subject?.digest ?? 'nothing'}`);
  }
  if (links.manifests.length > 0) return leaveOut('is an index');
  for (const blob of links.blobs) {
    await store.blobs.fetch(blob, (offset, signal) => source.fetch(blob, { offset, signal }), call);
  }
  await store.blobs.put(bytes);
  return referrerOf(descriptor, links);
}
