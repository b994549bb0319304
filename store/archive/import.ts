import { createHash } from 'node:crypto';
import type { Blobs } from '../blobs/contract.ts';
import { digestMismatch, sizeMismatch } from '../blobs/mismatch.ts';
import type { CallOptions } from '../call-options.ts';
import type { Descriptor } from '../descriptor.ts';
import { type Digest, digestFromHex } from '../digest.ts';
import type { Entry } from '../entry.ts';
import { StoreError } from '../error.ts';
import { newWalk, walkGraph } from '../graph/graph.ts';
import { lacksOf } from '../graph/whole.ts';
import { inflate } from '../inflate/inflate.ts';
import type { Limits } from '../limits.ts';
import type { Ref } from '../names/contract.ts';
import { compareNames } from '../names/name.ts';
import { nameOf, updateIndex, withEntry } from '../names/refs.ts';
import type { StoreParts } from '../parts.ts';
import { type TarFile, tarFiles } from '../tar/files.ts';
import {
  archiveError,
  createArchiveDocuments,
  invalidArchive,
  isArchiveDocument,
} from './documents.ts';

/** An archive may be so many times as large as a layer. */
const layersInArchive = 64;

/**
 * See `Store.import`. Blobs are taken in as they go by, wherever the index stands; names are set
 * last, all in one step, when all that they lead to is there. Until then the blobs are held; when
 * it comes to nothing, `gc` removes them.
 */
export async function importStore(
  parts: StoreParts,
  blobs: Blobs,
  archive: AsyncIterable<Uint8Array>,
  options: CallOptions,
): Promise<readonly Ref[]> {
  await parts.prepare();
  const entries = await takeFiles(parts, blobs, archive, options);
  await requireWhole(parts, blobs, entries);
  options.signal?.throwIfAborted();
  if (entries.length > 0) await updateIndex(parts, (index) => entries.reduce(withEntry, index));
  const refs = entries.map((descriptor) => ({ name: nameOf(descriptor) ?? '', descriptor }));
  return refs.sort((a, b) => compareNames(a.name, b.name));
}

/** The blobs go into the store; what the archive names is returned. */
async function takeFiles(
  parts: StoreParts,
  blobs: Blobs,
  archive: AsyncIterable<Uint8Array>,
  options: CallOptions,
): Promise<readonly Descriptor[]> {
  const { limits: ofLayer } = parts;
  const limits: Limits = { ...ofLayer, layerSize: layersInArchive * ofLayer.layerSize };
  const documents = createArchiveDocuments();
  try {
    for await (const file of tarFiles(inflate(archive, limits), limits, refuseOther)) {
      options.signal?.throwIfAborted();
      const digest = blobOf(file.path);
      if (digest !== undefined) await takeBlob(parts, blobs, digest, file, options);
      else await documents.take(file);
    }
  } catch (error) {
    throw archiveError(error);
  }
  return documents.entries();
}

/** One that is there is compared all the same: an archive is good or not, whatever the store has. */
async function takeBlob(
  { hold }: StoreParts,
  blobs: Blobs,
  digest: Digest,
  { size, bytes }: TarFile,
  options: CallOptions,
): Promise<void> {
  await hold([digest]);
  if ((await blobs.size(digest)) !== size) {
    await blobs.write({ digest, size }, bytes, options);
    return;
  }
  const hash = createHash('sha256');
  for await (const chunk of bytes) {
    options.signal?.throwIfAborted();
    hash.update(chunk);
  }
  const found = `sha256:${hash.digest('hex')}`;
  if (found !== digest) throw digestMismatch(digest, found, 'the bytes in the archive');
}

/** @throws StoreError `ARCHIVE_INVALID`, `SIZE_MISMATCH`; `STORE_CORRUPT` of what was there before. */
async function requireWhole(
  parts: StoreParts,
  blobs: Blobs,
  entries: readonly Descriptor[],
): Promise<void> {
  const roots = entries.map(({ digest }) => digest);
  const walk = newWalk();
  await parts.hold(roots);
  await walkGraph(parts, roots, walk);
  const lacks = lacksOf(roots, walk);
  for (const entry of entries) {
    const lack = lacks.get(entry.digest);
    if (lack !== undefined) {
      const name = JSON.stringify((nameOf(entry) ?? '').slice(0, 120));
      throw new StoreError(
        'ARCHIVE_INVALID',
        `importing ${name}: found no blob ${lack} in the archive, wanted all of the image`,
        { digest: lack, hint: 'export the archive again' },
      );
    }
    const found = await blobs.size(entry.digest);
    if (found !== entry.size) throw sizeMismatch(entry.digest, `${found}`, entry.size);
  }
}

/** Links and files with holes stand for bytes that are elsewhere, or nowhere. */
function refuseOther({ kind, path }: Entry): void {
  if (blobOf(path) === undefined && !isArchiveDocument(path)) return;
  const found = kind === 'file' ? 'a file with holes' : `a ${kind}`;
  throw invalidArchive(`${found} as ${path}`, 'a plain file', 'osv-convert store export -o FILE');
}

function blobOf(path: string): Digest | undefined {
  const folder = 'blobs/sha256/';
  return path.startsWith(folder) ? digestFromHex(path.slice(folder.length)) : undefined;
}
