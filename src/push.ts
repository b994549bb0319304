import type { Descriptor, Digest, Store } from '../store/index.ts';
import { collectDocuments, type Document } from './documents.ts';
import { ConvertError } from './error.ts';
import type { OnEvent } from './event.ts';
import type { Links } from './oci/links.ts';
import { formatLocation, type Location, parseLocation } from './oci/location.ts';
import { formatReference, type Reference } from './oci/reference.ts';
import { openSource } from './source/open.ts';
import { createRegistryApi, type RegistryApi } from './source/registry/api.ts';
import { referrersTag } from './source/registry/referrers.ts';
import type { RegistryOptions } from './source/registry/registry.ts';
import type { Source } from './source/source.ts';
import { outgoingLocation } from './stored-names.ts';
import { addTaggedReferrer } from './target/referrers-tag.ts';
import { type BlobEnd, createRegistryWriter, type RegistryWriter } from './target/registry.ts';

export interface PushOptions {
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
}

/** Blobs in transfer at one time. */
const parallelBlobs = 4;

/**
 * Copies an image into a registry, byte for byte: blobs first, then manifests, the name last. A bare
 * `from` is a name in the store; other locations are read as they are. A name that the store has for
 * several platforms becomes an index of them. What the registry has is not sent again, and blobs that
 * another of its repositories has by the name of `from` are mounted.
 * @throws ConvertError with the codes of references and sources, `MANIFEST_INVALID`; StoreError.
 */
export async function push(
  store: Store,
  from: string,
  to: string,
  options: PushOptions = {},
): Promise<Pushed> {
  const { registry, signal } = options;
  const location = await outgoingLocation(store, from);
  const target = targetOf(to);
  const source = await openSource(location, { store, ...(registry && { registry }) });
  try {
    const api = createRegistryApi(target, registry);
    const mountFrom = originOf(location, target);
    const work: Work = {
      source,
      writer: createRegistryWriter(api),
      ...(mountFrom !== undefined && { mountFrom }),
      ...(signal && { signal }),
    };
    const root = await source.resolve(optionsOf(work));
    const { digest } = root.descriptor;
    options.onEvent?.({ event: 'resolved', reference: formatLocation(location), digest });
    const documents = await collectDocuments(source, root, optionsOf(work));
    const blobs = documents.flatMap(({ links }) => links.blobs);
    const ends = await pushBlobs(work, distinct(blobs), options.onEvent);
    await pushDocuments(api, work, target, documents, digest);
    return { reference: formatReference(target), digest, ...summed(ends) };
  } finally {
    await source.close();
  }
}

interface Work {
  readonly source: Source;
  readonly writer: RegistryWriter;
  readonly mountFrom?: string;
  readonly signal?: AbortSignal;
}

interface End {
  readonly blob: Descriptor;
  readonly end: BlobEnd;
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

/** The image itself gets the name, its parts are there by their digests. */
async function pushDocuments(
  api: RegistryApi,
  work: Work,
  target: Reference,
  documents: readonly Document[],
  root: Digest,
): Promise<void> {
  for (const { descriptor, bytes, links } of documents) {
    const { digest } = descriptor;
    const key = (digest === root ? target.tag : undefined) ?? digest;
    const { subjectKnown } = await work.writer.putManifest(descriptor, bytes, key, optionsOf(work));
    const subject = links.subject?.digest;
    // Under that tag the list itself is being pushed.
    if (subject === undefined || subjectKnown || target.tag === referrersTag(subject)) continue;
    const referrer = referrerOf(descriptor, links);
    await addTaggedReferrer(api, work.writer, subject, referrer, optionsOf(work));
  }
}

/** As lists of referrers have it (distribution-spec, "Listing Referrers"). */
function referrerOf({ mediaType, digest, size }: Descriptor, links: Links): Descriptor {
  const { artifactType, annotations } = links;
  return {
    mediaType,
    digest,
    size,
    ...(artifactType !== undefined && { artifactType }),
    ...(annotations !== undefined && { annotations }),
  };
}

function distinct(blobs: readonly Descriptor[]): Descriptor[] {
  return [...new Map(blobs.map((blob) => [blob.digest, blob])).values()];
}

/** The first failure ends the other transfers. */
async function pushBlobs(
  work: Work,
  queue: Descriptor[],
  onEvent: OnEvent | undefined,
): Promise<readonly End[]> {
  const failed = new AbortController();
  const signals = [failed.signal, ...(work.signal ? [work.signal] : [])];
  const signal = AbortSignal.any(signals);
  const ends: End[] = [];
  const worker = async (): Promise<void> => {
    for (let blob = queue.shift(); blob !== undefined; blob = queue.shift()) {
      const end = await pushBlob({ ...work, signal }, blob);
      onEvent?.({ event: 'stage', text: `${end} ${blob.digest}` });
      ends.push({ blob, end });
    }
  };
  const guarded = async (): Promise<void> => {
    try {
      await worker();
    } catch (error) {
      failed.abort(error);
      throw error;
    }
  };
  const settled = await Promise.allSettled(Array.from({ length: parallelBlobs }, guarded));
  if (settled.some(({ status }) => status === 'rejected')) {
    work.signal?.throwIfAborted();
    throw failed.signal.reason;
  }
  return ends;
}

async function pushBlob(work: Work, blob: Descriptor): Promise<BlobEnd> {
  const { source, writer, mountFrom } = work;
  const open = (offset: number) => source.fetch(blob, { ...optionsOf(work), offset });
  return await writer.putBlob(blob, open, {
    ...optionsOf(work),
    ...(mountFrom !== undefined && { mountFrom }),
  });
}

function optionsOf({ signal }: Work): { readonly signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}

function summed(ends: readonly End[]): Pick<Pushed, 'blobs' | 'uploaded'> {
  const count = (wanted: BlobEnd) => ends.filter(({ end }) => end === wanted).length;
  const uploaded = ends.filter(({ end }) => end === 'uploaded');
  return {
    blobs: {
      present: count('present'),
      mounted: count('mounted'),
      uploaded: count('uploaded'),
    },
    uploaded: uploaded.reduce((total, { blob }) => total + blob.size, 0),
  };
}
