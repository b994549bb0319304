import type { Descriptor, Digest, Store } from '../../store/index.ts';
import { ConvertError } from '../error.ts';
import type { OnEvent } from '../event.ts';
import { parseLocation } from '../oci/location.ts';
import type { Reference } from '../oci/reference.ts';
import { type OpenImageOptions, reachOf } from '../pull/open-image.ts';
import type { Pulled } from '../pull/pull.ts';
import { shellWord } from '../shell-word.ts';
import { createRegistryApi } from '../source/registry/api.ts';
import { fetchReferrers } from '../source/registry/referrers.ts';
import { createRegistrySource } from '../source/registry/registry.ts';
import type { ReferrersOptions } from './referrers.ts';
import { maxReferrers, recordReferrers } from './stored-referrers.ts';
import { takeReferrer } from './take-referrer.ts';

export interface PullReferrersOptions extends ReferrersOptions {
  readonly onEvent?: OnEvent;
}

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
    const hint =
      'path' in location
        ? `with what refers to it there: osv-convert load ${shellWord(location.path)}`
        : 'osv-convert pull --referrers HOST/NAME:TAG';
    throw new ConvertError(
      'USAGE',
      `fetching the referrers of ${name}: found no registry to ask, wanted an image of one`,
      { hint },
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

/**
 * Brings what refers to `digest` in the repository of `reference` into the store: manifests and
 * blobs, each verified, but not what refers to the referrers. They are recorded as an index under the
 * name `REPOSITORY:sha256-HEX`, which can be saved, pushed and copied as any image, and replaces the
 * one that was there. Nothing is recorded where there are none. What says itself to refer to something
 * else is left out with a warning.
 * @returns the referrers that are now in the store.
 * @throws ConvertError with the codes of sources, `MANIFEST_INVALID`; StoreError.
 */
export async function pullReferrers(
  store: Store,
  reference: Reference,
  digest: Digest,
  options: PullReferrersOptions = {},
): Promise<readonly Descriptor[]> {
  const listed = await fetchReferrers(
    createRegistryApi(reference, options.registry),
    digest,
    options,
  );
  if (listed.length > maxReferrers) {
    throw new ConvertError(
      'REGISTRY_PROTOCOL',
      `fetching the referrers of ${digest}: found ${listed.length}, wanted at most ${maxReferrers}`,
    );
  }
  const { onEvent, signal } = options;
  const transfer = {
    ...{ store, source: createRegistrySource(reference, options.registry) },
    ...(onEvent && { onEvent }),
    ...(signal && { signal }),
  };
  const taken: Descriptor[] = [];
  for (const descriptor of listed) {
    const referrer = await takeReferrer(transfer, digest, descriptor);
    if (referrer !== undefined) taken.push(referrer);
  }
  if (taken.length > 0) await recordReferrers(store, reference, digest, taken);
  return taken;
}
