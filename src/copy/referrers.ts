import type { Descriptor, Digest } from '../../store/index.ts';
import { formatReference, parseReference } from '../oci/reference.ts';
import { createRegistryApi } from '../source/registry/api.ts';
import { type FetchReferrersOptions, fetchReferrers } from '../source/registry/referrers.ts';
import { createRegistrySource, type RegistryOptions } from '../source/registry/registry.ts';

export interface ReferrersOptions extends FetchReferrersOptions {
  /** How the registry is reached. */
  readonly registry?: RegistryOptions;
}

export interface Referrers {
  /** The full name that was asked for. */
  readonly reference: string;
  /** What the name leads to, and what the referrers refer to. */
  readonly digest: Digest;
  readonly referrers: readonly Descriptor[];
}

/**
 * What refers to the image a name in a registry leads to: to its index where it has one, since that
 * is what is signed; by digest, what refers to one of its manifests.
 * @throws ConvertError with the codes of references and sources, `MANIFEST_INVALID`.
 */
export async function listReferrers(
  text: string,
  options: ReferrersOptions = {},
): Promise<Referrers> {
  const reference = parseReference(text.replace(/^docker:\/\//, ''));
  const { registry, signal } = options;
  const { descriptor } = await createRegistrySource(reference, registry).resolve(
    signal ? { signal } : {},
  );
  const api = createRegistryApi(reference, registry);
  const referrers = await fetchReferrers(api, descriptor.digest, options);
  return { reference: formatReference(reference), digest: descriptor.digest, referrers };
}
