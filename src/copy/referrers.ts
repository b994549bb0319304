import type { Descriptor, Digest, Store } from '../../store/index.ts';
import { ConvertError } from '../error.ts';
import type { OnEvent } from '../event.ts';
import { parseLinks } from '../oci/links.ts';
import { isDocumentType } from '../oci/media-type.ts';
import { formatReference, parseReference, type Reference } from '../oci/reference.ts';
import { readDocument } from '../source/document.ts';
import { createRegistryApi } from '../source/registry/api.ts';
import { type FetchReferrersOptions, fetchReferrers } from '../source/registry/referrers.ts';
import { createRegistrySource, type RegistryOptions } from '../source/registry/registry.ts';
import type { Source } from '../source/source.ts';
import { recordReferrers } from './stored-referrers.ts';

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

export interface PullReferrersOptions extends ReferrersOptions {
  readonly onEvent?: OnEvent;
}

/** Referrers of one image that are brought into a store. */
const pullCap = 1000;

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
  if (listed.length > pullCap) {
    throw new ConvertError(
      'REGISTRY_PROTOCOL',
      `fetching the referrers of ${digest}: found ${listed.length}, wanted at most ${pullCap}`,
    );
  }
  const source = createRegistrySource(reference, options.registry);
  const taken: Descriptor[] = [];
  for (const descriptor of listed) {
    if (await takeReferrer({ store, source, digest, options }, descriptor)) taken.push(descriptor);
  }
  if (taken.length > 0) await recordReferrers(store, reference, digest, taken);
  return taken;
}

interface Taking {
  readonly store: Store;
  readonly source: Source;
  /** Of the image that is referred to. */
  readonly digest: Digest;
  readonly options: PullReferrersOptions;
}

/** False for what does not refer to the image. The manifest comes last: with it all is there. */
async function takeReferrer(taking: Taking, descriptor: Descriptor): Promise<boolean> {
  const { store, source, digest, options } = taking;
  const call = options.signal ? { signal: options.signal } : {};
  if (!isDocumentType(descriptor.mediaType)) return leaveOut(taking, descriptor, 'is no manifest');
  const bytes = await readDocument(source, descriptor, call);
  const { subject, manifests, blobs } = await parseLinks(bytes);
  if (subject?.digest !== digest) {
    return leaveOut(taking, descriptor, `refers to ${subject?.digest ?? 'nothing'}`);
  }
  if (manifests.length > 0) return leaveOut(taking, descriptor, 'is an index');
  for (const blob of blobs) {
    await store.blobs.fetch(blob, (offset, signal) => source.fetch(blob, { offset, signal }), call);
  }
  await store.blobs.put(bytes);
  return true;
}

function leaveOut({ digest, options }: Taking, descriptor: Descriptor, why: string): false {
  const text = `left out ${descriptor.digest} among the referrers of ${digest}: it ${why}`;
  options.onEvent?.({ event: 'warning', text });
  return false;
}
