import type { Descriptor, Store } from '../../store/index.ts';
import { ConvertError } from '../error.ts';
import { parseLocation } from '../oci/location.ts';
import { type OpenImageOptions, reachOf } from '../pull/open-image.ts';
import type { Pulled } from '../pull/pull.ts';
import { pullReferrers } from './referrers.ts';

/**
 * Brings what refers to a pulled image into the store: to its index and to each of its manifests, for
 * some tools sign the one and some the other.
 * @throws ConvertError `USAGE` when the image came from no registry; the codes of `pullReferrers`.
 */
export async function pullReferrersOf(
  store: Store,
  text: string,
  { name, images, meaning }: Pulled,
  options: OpenImageOptions,
): Promise<readonly Descriptor[]> {
  const location = parseLocation(text);
  if (location.transport !== 'registry' || meaning === undefined) {
    throw new ConvertError(
      'USAGE',
      `fetching the referrers of ${name}: found no registry to ask, wanted an image of one`,
      { hint: 'osv-convert pull --referrers HOST/NAME:TAG' },
    );
  }
  const { onEvent, signal } = options;
  const told = {
    registry: reachOf(options),
    ...(onEvent && { onEvent }),
    ...(signal && { signal }),
  };
  const digests = new Set([meaning.digest, ...images.map((image) => image.descriptor.digest)]);
  const found: Descriptor[] = [];
  for (const digest of digests) {
    found.push(...(await pullReferrers(store, location.reference, digest, told)));
  }
  return found;
}
