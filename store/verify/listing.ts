import { type DiffID, type Digest, diffIDFromHex, digestFromHex } from '../digest.ts';
import { StoreError } from '../error.ts';
import type { Files } from '../files/files.ts';
import { type Link, readLinks } from '../graph/graph.ts';
import type { Layout } from '../layout.ts';
import type { StoreParts } from '../parts.ts';

/** The blobs there are, in order. */
export function listBlobs(files: Files, layout: Layout): readonly Digest[] {
  const listed = files.list(layout.blobs) ?? [];
  return listed
    .map(({ name, kind }) => (kind === 'file' ? digestFromHex(name) : undefined))
    .filter((digest) => digest !== undefined)
    .sort();
}

/** The layers there are, complete or not, in order. */
export function listLayers(files: Files, layout: Layout): readonly DiffID[] {
  const listed = files.list(layout.ownLayers) ?? [];
  return listed
    .map(({ name, kind }) => (kind === 'folder' ? diffIDFromHex(name) : undefined))
    .filter((diffID) => diffID !== undefined)
    .sort();
}

/** A tar that is a blob too counts once. `next` is called for each. */
export async function bytesOfBlobsAndTars(
  { files, layout }: Pick<StoreParts, 'files' | 'layout'>,
  next: () => Promise<void>,
): Promise<number> {
  const seen = new Set<number>();
  let bytes = 0;
  const count = async (path: string): Promise<void> => {
    await next();
    const found = files.stat(path);
    if (found === undefined || seen.has(found.inode)) return;
    // Few files have two names: only these are remembered.
    if (found.links > 1) seen.add(found.inode);
    bytes += found.size;
  };
  for (const digest of listBlobs(files, layout)) await count(layout.blob(digest));
  for (const diffID of listLayers(files, layout)) await count(layout.layer(diffID).tar);
  return bytes;
}

/** What a document refers to; undefined where it is missing or damaged. */
export function linksIfSound(
  parts: Pick<StoreParts, 'files' | 'layout'>,
  digest: Digest,
): readonly Link[] | undefined {
  try {
    return readLinks(parts, digest);
  } catch (error) {
    if (error instanceof StoreError && error.code === 'STORE_CORRUPT') return undefined;
    throw error;
  }
}
