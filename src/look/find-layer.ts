import {
  type CallOptions,
  type Descriptor,
  type DiffID,
  type Digest,
  hexOf,
  parseDiffID,
  type Store,
  StoreError,
} from '../../store/index.ts';
import { ConvertError } from '../error.ts';
import { parseImageConfig } from '../oci/config.ts';
import { parseDocument } from '../oci/document.ts';
import { maxIndexDepth } from '../oci/image-index.ts';
import { documentCap } from '../oci/json.ts';
import type { Manifest } from '../oci/manifest.ts';

const prefix = 'layer:';

/** Fewer digits are a slip of the hand. */
const fewestDigits = 4;
const mostCandidates = 10;

/** Whether `subject` is written as a layer of the store. */
export function isLayerSubject(subject: string): boolean {
  return subject.startsWith(prefix);
}

/**
 * The layer that `layer:[sha256:]HEX` means, held and unpacked: by the beginning of its diffID, or of the
 * digest of a blob that an image in the store has it as.
 * @throws ConvertError `USAGE` for what is no beginning of a digest, or that of several layers;
 * `IMAGE_NOT_FOUND`; StoreError, those of `Layers.ingest` too.
 */
export async function findLayer(
  store: Store,
  subject: string,
  options: CallOptions,
): Promise<DiffID> {
  const hex = hexIn(subject);
  const known = hex.length === 64 ? parseDiffID(`sha256:${hex}`) : undefined;
  if (known !== undefined) await store.hold([known]);
  if (known !== undefined && (await store.layers.has(known))) return known;

  const begins = (digest: Digest) => hexOf(digest).startsWith(hex);
  const found = Array.from(await knownLayers(store, options)).filter(
    ([diffID, blobs]) => begins(diffID) || [...blobs].some(begins),
  );
  const [only] = found;
  if (only === undefined) throw absent(subject);
  if (found.length > 1) {
    const diffIDs = found.map(([diffID]) => diffID).sort();
    throw ambiguous(subject, diffIDs);
  }
  const [diffID, blobs] = only;
  await unpack(store, diffID, blobs, options);
  return diffID;
}

function hexIn(subject: string): string {
  const digits = subject.slice(prefix.length).replace(/^sha256:/, '');
  if (digits.length >= fewestDigits && /^[0-9a-f]{1,64}$/.test(digits)) return digits;
  throw new ConvertError(
    'USAGE',
    `opening ${JSON.stringify(subject.slice(0, 120))}: found no beginning of a digest, wanted "layer:" and ` +
      `${fewestDigits} to 64 lower-case hex digits`,
    { hint: listing },
  );
}

/** The layers that are unpacked, and those that images have as blobs. */
async function knownLayers(
  store: Store,
  { signal }: CallOptions,
): Promise<ReadonlyMap<DiffID, ReadonlySet<Digest>>> {
  const known = new Map<DiffID, Set<Digest>>();
  const { layers = [] } = await store.usage({ layers: true, ...(signal && { signal }) });
  for (const { diffID } of layers) known.set(diffID, new Set());
  const seen = new Set<Digest>();
  for (const { descriptor } of await store.refs.list()) {
    for await (const manifest of manifestsBehind(store, descriptor, seen)) {
      signal?.throwIfAborted();
      for (const [at, diffID] of (await diffIDsOf(store, manifest)).entries()) {
        const blob = manifest.layers[at];
        if (blob) known.set(diffID, (known.get(diffID) ?? new Set()).add(blob.digest));
      }
    }
  }
  return known;
}

/** Those not `seen` before: an index may name another one twenty thousand times. */
async function* manifestsBehind(
  store: Store,
  { digest, mediaType }: Descriptor,
  seen: Set<Digest>,
  depth = 0,
): AsyncGenerator<Manifest> {
  if (seen.has(digest)) return;
  seen.add(digest);
  const document = await unlessUnreadable(store, digest, (bytes) =>
    parseDocument(bytes, mediaType),
  );
  if (document?.kind === 'manifest') yield document.manifest;
  // Deeper indexes are none that `pull` would have put here.
  if (document?.kind !== 'index' || depth === maxIndexDepth) return;
  for (const entry of document.index.manifests) {
    yield* manifestsBehind(store, entry, seen, depth + 1);
  }
}

async function diffIDsOf(store: Store, { config, layers }: Manifest): Promise<readonly DiffID[]> {
  const image = await unlessUnreadable(store, config.digest, parseImageConfig);
  const diffIDs = image?.rootfs.diff_ids ?? [];
  return diffIDs.length === layers.length ? diffIDs : [];
}

/** What is not there, damaged or no document of an image tells nothing of the layer that is looked for. */
async function unlessUnreadable<T>(
  store: Store,
  digest: Digest,
  parse: (bytes: Uint8Array) => Promise<T>,
): Promise<T | undefined> {
  try {
    return await parse(await store.blobs.read(digest, documentCap));
  } catch (error) {
    if (error instanceof StoreError || error instanceof ConvertError) return undefined;
    throw error;
  }
}

async function unpack(
  store: Store,
  diffID: DiffID,
  blobs: ReadonlySet<Digest>,
  options: CallOptions,
): Promise<void> {
  await store.hold([diffID, ...blobs]);
  if (await store.layers.has(diffID)) return;
  for (const blob of blobs) {
    if ((await store.blobs.size(blob)) === undefined) continue;
    await store.layers.ingest(blob, diffID, options);
    return;
  }
}

const listing = 'osv-convert store ls --layers';

function absent(subject: string): ConvertError {
  return new ConvertError(
    'IMAGE_NOT_FOUND',
    `opening ${subject}: found no layer in the store that begins so, wanted one`,
    { hint: listing },
  );
}

function ambiguous(subject: string, diffIDs: readonly DiffID[]): ConvertError {
  const listed = diffIDs.slice(0, mostCandidates).join(', ');
  const more =
    diffIDs.length > mostCandidates ? ` and ${diffIDs.length - mostCandidates} more` : '';
  return new ConvertError(
    'USAGE',
    `opening ${subject}: found ${diffIDs.length} layers that begin so, ${listed}${more}; wanted one`,
    { hint: listing },
  );
}
