import { Buffer } from 'node:buffer';
import { isDeepStrictEqual } from 'node:util';
import type { Blobs } from '../blobs/contract.ts';
import { sizeMismatch } from '../blobs/mismatch.ts';
import type { CallOptions } from '../call-options.ts';
import type { Descriptor } from '../descriptor.ts';
import { hexOf } from '../digest.ts';
import { StoreError } from '../error.ts';
import { newWalk, walkGraph } from '../graph/graph.ts';
import { lacksOf, presentBlobs } from '../graph/whole.ts';
import { marker } from '../marker.ts';
import { matchesAny } from '../names/glob.ts';
import { compareNames } from '../names/name.ts';
import { emptyIndex, formatIndex, isOurs, nameOf, readIndex } from '../names/refs.ts';
import type { StoreParts } from '../parts.ts';
import { tarEnd, tarHeader, tarPadding } from '../tar/writer.ts';

export interface ExportOptions extends CallOptions {
  /** Names to take along; all when absent. `*` stands for any characters, also none. */
  readonly names?: readonly string[];
  /** Told with every chunk. `written` of the `size` bytes that the files in the archive have. */
  readonly onProgress?: (progress: { readonly written: number; readonly size: number }) => void;
}

/** A file of the archive. */
interface Member {
  readonly path: string;
  readonly size: number;
  open(): AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/** Whose an archive is, and when it was made, is nobody's business, and would change its bytes. */
const metadata = { uid: 0, gid: 0, mtime: 0 };

/** See `Store.export`. The index comes before the blobs, so that a reader knows what he will get. */
export async function* exportStore(
  parts: StoreParts,
  blobs: Blobs,
  { names, signal, onProgress }: ExportOptions,
): AsyncGenerator<Uint8Array, void> {
  const manifests = await holdEntries(parts, names);
  const members = [
    textMember('oci-layout', Buffer.from(marker)),
    textMember('index.json', formatIndex({ ...emptyIndex, manifests })),
    ...(await blobMembers(parts, blobs, manifests, signal)),
  ];
  const size = members.reduce((total, member) => total + member.size, 0);
  let written = 0;
  for (const folder of ['blobs', 'blobs/sha256']) {
    yield tarHeader({ ...metadata, kind: 'directory', mode: 0o755, path: folder });
  }
  for (const { path, size: length, open } of members) {
    yield tarHeader({ ...metadata, kind: 'file', mode: 0o644, path, size: length });
    for await (const chunk of open()) {
      written += chunk.length;
      onProgress?.({ written, size });
      yield chunk;
    }
    yield tarPadding(length);
  }
  yield tarEnd;
}

/**
 * The entries as they were at one moment. One that is there when it is held has all that it led to, also
 * when its name is gone by then: what leads to others is removed before them. Where one is not there
 * though it is still named, the store is damaged, and whoever reads on says so.
 */
async function holdEntries(
  parts: StoreParts,
  names: readonly string[] | undefined,
): Promise<readonly Descriptor[]> {
  const { files, layout } = parts;
  let entries = await chooseEntries(parts, names);
  for (;;) {
    await parts.hold(entries.map(({ digest }) => digest));
    if (entries.every(({ digest }) => files.stat(layout.blob(digest)) !== undefined))
      return entries;
    const now = await chooseEntries(parts, names);
    if (isDeepStrictEqual(now, entries)) return entries;
    entries = now;
  }
}

/** The entries of index.json in the order of their names; of one name, in that of the entries. */
async function chooseEntries(
  { files, layout }: StoreParts,
  names: readonly string[] | undefined,
): Promise<readonly Descriptor[]> {
  const { manifests } = (await readIndex(files, layout)) ?? emptyIndex;
  const named = manifests.filter(isOurs).map((entry) => [nameOf(entry) ?? '', entry] as const);
  for (const pattern of names ?? []) {
    if (named.some(([name]) => matchesAny(name, [pattern]))) continue;
    throw new StoreError(
      'BLOB_MISSING',
      `exporting ${JSON.stringify(pattern.slice(0, 120))}: found no such name in the store, wanted one`,
      { hint: 'osv-convert store ls' },
    );
  }
  return named
    .filter(([name]) => names === undefined || matchesAny(name, names))
    .sort(([a], [b]) => compareNames(a, b))
    .map(([, entry]) => entry);
}

/** All blobs that the entries, which are held, lead to and that are there. */
async function blobMembers(
  parts: StoreParts,
  blobs: Blobs,
  entries: readonly Descriptor[],
  signal: AbortSignal | undefined,
): Promise<readonly Member[]> {
  const roots = entries.map(({ digest }) => digest);
  const walk = newWalk();
  await walkGraph(parts, roots, walk);
  const lacks = lacksOf(roots, walk);
  for (const entry of entries) {
    const lack = lacks.get(entry.digest);
    if (lack === undefined) continue;
    const name = nameOf(entry) ?? '';
    throw new StoreError(
      'BLOB_MISSING',
      `exporting ${JSON.stringify(name)}: found no blob ${lack}, wanted all of the image`,
      { digest: lack, hint: 'osv-convert store verify --repair\nor export other names' },
    );
  }
  return presentBlobs(walk).map((digest) => {
    const size = parts.files.stat(parts.layout.blob(digest))?.size ?? 0;
    return {
      path: `blobs/sha256/${hexOf(digest)}`,
      size,
      async *open() {
        let read = 0;
        for await (const chunk of blobs.stream(digest, signal === undefined ? {} : { signal })) {
          read += chunk.length;
          yield chunk;
        }
        // A damaged file that was mended since its size was taken.
        if (read !== size) throw sizeMismatch(digest, `${read}`, size);
      },
    };
  });
}

function textMember(path: string, bytes: Uint8Array): Member {
  return { path, size: bytes.length, open: () => [bytes] };
}
