import type { Descriptor, Digest, Store } from '../../store/index.ts';
import { ConvertError } from '../error.ts';
import type { OnEvent } from '../event.ts';
import { formatLocation, type Location, parseLocation } from '../oci/location.ts';
import { formatReference, type Reference } from '../oci/reference.ts';
import { withHealing } from '../pull/heal.ts';
import { openSource } from '../source/open.ts';
import { createRegistryApi } from '../source/registry/api.ts';
import type { RegistryOptions } from '../source/registry/registry.ts';
import { type BlobEnd, createRegistryWriter } from '../target/registry.ts';
import { collectDocuments } from './documents.ts';
import { type PushedBlob, pushBlobs } from './push-blobs.ts';
import { pushDocuments } from './push-documents.ts';
import { outgoingLocation } from './stored-names.ts';
import { collectReferrers, requireStored } from './stored-referrers.ts';

export interface PushOptions {
  /** True: what refers to the image in the store goes with it. */
  readonly referrers?: boolean;
  /** How registries are reached. */
  readonly registry?: RegistryOptions;
  readonly onEvent?: OnEvent;
  readonly signal?: AbortSignal;
}

export interface Pushed {
  /** The full name in the registry. */
  readonly reference: string;
  /** Of the manifest or the index the name now leads to. */
  readonly digest: Digest;
  /** How many blobs came to be there how. */
  readonly blobs: Readonly<Record<BlobEnd, number>>;
  /** Bytes of the blobs that were uploaded. */
  readonly uploaded: number;
  /** What went with the image, where that was wanted. */
  readonly referrers?: readonly Descriptor[];
}

/**
 * Copies an image into a registry, byte for byte: blobs first, then manifests, the name after all it
 * leads to, what refers to the image last. A bare `from` is a name in the store; other locations are
 * read as they are. A name that the store has for several platforms becomes an index of them. What
 * the registry has is not sent again, and blobs that another of its repositories has by the name of
 * `from` are mounted.
 * @throws ConvertError with the codes of references and sources, `MANIFEST_INVALID`; `USAGE` for
 * referrers of an image that is not one of the store; StoreError.
 */
export async function push(
  store: Store,
  from: string,
  to: string,
  options: PushOptions = {},
): Promise<Pushed> {
  return await withHealing(store, options, () => pushOnce(store, from, to, options));
}

async function pushOnce(
  store: Store,
  from: string,
  to: string,
  options: PushOptions,
): Promise<Pushed> {
  const { registry, onEvent, signal } = options;
  const call = signal ? { signal } : {};
  const location = await outgoingLocation(store, from);
  if (options.referrers) requireStored(location);
  const reference = targetOf(to);
  const source = await openSource(location, { store, ...(registry && { registry }) });
  try {
    const root = await source.resolve(call);
    const { digest } = root.descriptor;
    onEvent?.({ event: 'resolved', reference: formatLocation(location), digest });
    const image = await collectDocuments(source, root, call);
    const referrers = options.referrers
      ? await collectReferrers(store, source, image, call)
      : undefined;
    const documents = [...image, ...(referrers ?? [])];

    const api = createRegistryApi(reference, registry);
    const writer = createRegistryWriter(api);
    const mountFrom = originOf(location, reference);
    const pushed = await pushBlobs(
      documents.flatMap(({ links }) => links.blobs),
      {
        ...{ ...call, source, writer },
        ...(mountFrom !== undefined && { mountFrom }),
        ...(onEvent && { onEvent }),
      },
    );
    await pushDocuments(documents, root.descriptor, { api, writer, reference }, call);
    return {
      reference: formatReference(reference),
      digest,
      ...summed(pushed),
      ...(referrers && { referrers: referrers.map(({ descriptor }) => descriptor) }),
    };
  } finally {
    await source.close();
  }
}

function targetOf(text: string): Reference {
  const location = parseLocation(text);
  const problem =
    location.transport !== 'registry'
      ? `a location of the transport ${location.transport}`
      : location.reference.digest !== undefined
        ? 'a digest'
        : undefined;
  if (location.transport !== 'registry' || problem !== undefined) {
    throw new ConvertError(
      'REFERENCE_INVALID',
      `reading the target ${JSON.stringify(text.slice(0, 120))}: found ${problem}, wanted a name in a registry`,
      { hint: 'write it as HOST[:PORT]/NAME[:TAG]' },
    );
  }
  return location.reference;
}

/** Another repository of the target's registry, if that is where the image came from. */
function originOf(location: Location, target: Reference): string | undefined {
  const origin = location.transport === 'store' ? referenceOf(location.name) : location;
  if (origin?.transport !== 'registry') return undefined;
  const { registry, repository } = origin.reference;
  return registry === target.registry && repository !== target.repository ? repository : undefined;
}

/** Names in the store need not be references: files and kernels have others. */
function referenceOf(name: string): Location | undefined {
  try {
    return parseLocation(name);
  } catch {
    return undefined;
  }
}

function summed(pushed: readonly PushedBlob[]): Pick<Pushed, 'blobs' | 'uploaded'> {
  const count = (wanted: BlobEnd) => pushed.filter(({ end }) => end === wanted).length;
  const uploaded = pushed.filter(({ end }) => end === 'uploaded');
  return {
    blobs: {
      present: count('present'),
      mounted: count('mounted'),
      uploaded: count('uploaded'),
    },
    uploaded: uploaded.reduce((total, { blob }) => total + blob.size, 0),
  };
}
