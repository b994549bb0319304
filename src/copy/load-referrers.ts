import type { Descriptor, Digest, Store } from '../../store/index.ts';
import { parseReference } from '../oci/reference.ts';
import type { FileReferrers } from './file-referrers.ts';
import { addReferrers } from './stored-referrers.ts';
import { type ReferrerTransfer, takeReferrer } from './take-referrer.ts';

/** By what they refer to. */
export type LoadedReferrers = ReadonlyMap<Digest, readonly Descriptor[]>;

/**
 * Brings what in a file refers to one of `subjects` into the store. What the file has only in part is
 * left out with a warning.
 * @throws ConvertError `DIGEST_MISMATCH`, the codes of sources; StoreError.
 */
export async function loadReferrers(
  transfer: ReferrerTransfer,
  referring: FileReferrers,
  subjects: ReadonlySet<Digest>,
): Promise<LoadedReferrers> {
  const loaded = new Map<Digest, readonly Descriptor[]>();
  for (const subject of subjects) {
    const taken: Descriptor[] = [];
    for (const { descriptor, missing } of referring.of(subject)) {
      if (missing !== undefined) {
        const text = `left out ${descriptor.digest} among the referrers of ${subject}: the file has no blob ${missing}`;
        transfer.onEvent?.({ event: 'warning', text });
        continue;
      }
      const referrer = await takeReferrer(transfer, subject, descriptor);
      if (referrer !== undefined) taken.push(referrer);
    }
    if (taken.length > 0) loaded.set(subject, taken);
  }
  return loaded;
}

/**
 * Names what was loaded, in the repository of an image of these names, beside what the store knows
 * already.
 * @throws StoreError.
 */
export async function nameReferrers(
  store: Store,
  [name]: readonly string[],
  loaded: LoadedReferrers,
): Promise<void> {
  if (name === undefined) return;
  const reference = parseReference(name);
  for (const [subject, referrers] of loaded) {
    await addReferrers(store, reference, subject, referrers);
  }
}
