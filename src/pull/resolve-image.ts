import type { Descriptor, Store } from '../../store/index.ts';
import { ConvertError } from '../error.ts';
import { type Document, parseDocument } from '../oci/document.ts';
import { type ImageIndex, maxIndexDepth } from '../oci/image-index.ts';
import { documentCap } from '../oci/json.ts';
import type { Manifest } from '../oci/manifest.ts';
import { indexTypes } from '../oci/media-type.ts';
import { bestForPlatform, choosePlatform, type Platform } from '../oci/platform.ts';
import { requireDocumentSize } from '../source/document.ts';
import type { Resolved, Source } from '../source/source.ts';

/** Entries, indexes and bytes of all indexes of one image together. */
const maxEntries = 4096;
const maxIndexes = 64;
const maxIndexBytes = 4 * documentCap;

export interface Transfer {
  readonly store: Store;
  readonly source: Source;
  readonly signal?: AbortSignal;
}

export interface ChosenManifest {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
  readonly manifest: Manifest;
}

/**
 * From what a name leads to, through indexes, to the manifest for `platform`. The indexes are put
 * into the store. Nested ones are opened only where nothing beside them matches.
 * @throws ConvertError `MANIFEST_INVALID`, also where indexes are too many, too large or too deep;
 * `PLATFORM_NOT_FOUND`; the codes of sources.
 */
export async function chooseManifest(
  transfer: Transfer,
  root: Resolved,
  platform: Platform,
): Promise<ChosenManifest> {
  const open = createIndexReader(transfer);
  let found = root;
  for (let depth = 0; depth <= maxIndexDepth; depth += 1) {
    const document = await parseDocument(found.bytes, found.descriptor.mediaType);
    if (document.kind === 'manifest') return { ...found, manifest: document.manifest };
    await open.count(found.bytes, document.index);
    const images = await unfold(open, document.index, platform, depth);
    const descriptor = choosePlatform(images, platform);
    found = { descriptor, bytes: await readStored(transfer, descriptor) };
  }
  throw tooMuch(`indexes nested deeper than ${maxIndexDepth}`);
}

/** A document of the image: from the store where it is there, else from the source, and kept. */
export async function readStored(
  { store, source, signal }: Transfer,
  descriptor: Descriptor,
): Promise<Uint8Array> {
  const { digest, size } = descriptor;
  requireDocumentSize(descriptor);
  await store.blobs.fetch(
    { digest, size },
    (offset, signal) => source.fetch(descriptor, { offset, signal }),
    signal === undefined ? {} : { signal },
  );
  return await store.blobs.read(digest, documentCap);
}

/** The entries of an index; in the place of each index among them its own, unless one matches already. */
async function unfold(
  open: IndexReader,
  index: ImageIndex,
  platform: Platform,
  depth: number,
): Promise<ImageIndex> {
  const isNested = (entry: Descriptor) =>
    entry.platform === undefined && indexTypes.includes(entry.mediaType);
  if (bestForPlatform(index.manifests, platform) || !index.manifests.some(isNested)) return index;
  if (depth >= maxIndexDepth) throw tooMuch(`indexes nested deeper than ${maxIndexDepth}`);
  const manifests: Descriptor[] = [];
  for (const entry of index.manifests) {
    const document = isNested(entry) ? await open.read(entry) : undefined;
    if (document?.kind === 'index') {
      const inner = await unfold(open, document.index, platform, depth + 1);
      manifests.push(...inner.manifests);
    } else {
      manifests.push(entry);
    }
  }
  return { manifests };
}

interface IndexReader {
  read(descriptor: Descriptor): Promise<Document>;
  /** Keeps an index, and counts it against the caps. */
  count(bytes: Uint8Array, index: ImageIndex): Promise<void>;
}

function createIndexReader(transfer: Transfer): IndexReader {
  let [indexes, entries, size] = [0, 0, 0];

  async function count(bytes: Uint8Array, index: ImageIndex): Promise<void> {
    indexes += 1;
    entries += index.manifests.length;
    size += bytes.byteLength;
    if (indexes > maxIndexes) throw tooMuch(`more than ${maxIndexes} indexes`);
    if (entries > maxEntries) throw tooMuch(`more than ${maxEntries} entries in indexes`);
    if (size > maxIndexBytes) throw tooMuch(`more than ${maxIndexBytes} bytes of indexes`);
    await transfer.store.blobs.put(bytes);
  }

  return {
    count,
    async read(descriptor) {
      const bytes = await readStored(transfer, descriptor);
      const document = await parseDocument(bytes, descriptor.mediaType);
      if (document.kind === 'index') await count(bytes, document.index);
      return document;
    },
  };
}

function tooMuch(found: string): ConvertError {
  return new ConvertError(
    'MANIFEST_INVALID',
    `choosing the image: found ${found}, wanted fewer between a name and its manifest`,
  );
}
