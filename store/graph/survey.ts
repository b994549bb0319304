import { type DiffID, type Digest, parseDiffID } from '../digest.ts';
import type { Link } from './graph.ts';

/** What names need, as the documents behind them tell it. */
export interface Survey {
  /** The blobs that names lead to. */
  readonly wanted: ReadonlyMap<Digest, Want>;
  /** The layer as each image has it: configs and manifests list them in the same order. */
  readonly blobsOf: ReadonlyMap<DiffID, ReadonlySet<Digest>>;
  readonly layersOf: ReadonlyMap<Digest, ReadonlySet<DiffID>>;
}

export interface Want {
  readonly names: ReadonlySet<string>;
  /** In bytes, where something that refers to it says so. */
  readonly size: number | undefined;
  /** False for what only an index lists: platforms that may never have been pulled. */
  readonly needed: boolean;
}

export interface Root {
  readonly name: string;
  readonly digest: Digest;
  readonly size?: number;
}

/**
 * Goes from each name through all that it leads to. `read` gives the links of a document, undefined
 * where it is missing or damaged; it is asked once for each.
 */
export async function survey(
  roots: Iterable<Root>,
  read: (digest: Digest, want: Want) => Promise<readonly Link[] | undefined>,
): Promise<Survey> {
  const wanted = new Map<
    Digest,
    { names: Set<string>; size: number | undefined; needed: boolean }
  >();
  const documents = new Map<Digest, readonly Link[] | undefined>();
  const blobsOf = new Map<DiffID, Set<Digest>>();
  const layersOf = new Map<Digest, Set<DiffID>>();

  const want = (digest: Digest, name: string, size: number | undefined, needed: boolean) => {
    const known = wanted.get(digest) ?? { names: new Set(), size, needed };
    wanted.set(digest, known);
    known.names.add(name);
    known.size ??= size;
    known.needed ||= needed;
    return known;
  };

  const pair = (manifest: readonly Link[]): void => {
    const config = manifest.find(({ role }) => role === 'config')?.digest;
    const layers = manifest.filter(({ role }) => role === 'layer');
    const diffIDs = (config && documents.get(config))?.filter(({ role }) => role === 'diffID');
    if (diffIDs?.length !== layers.length) return;
    for (const [at, link] of diffIDs.entries()) {
      const diffID = parseDiffID(link.digest);
      const digest = layers[at]?.digest ?? diffID;
      blobsOf.set(diffID, (blobsOf.get(diffID) ?? new Set()).add(digest));
      layersOf.set(digest, (layersOf.get(digest) ?? new Set()).add(diffID));
    }
  };

  for (const { name, digest, size } of roots) {
    const open: Omit<Link, 'role'>[] = [{ digest, ...(size !== undefined && { size }) }];
    want(digest, name, size, true);
    const seen = new Set<Digest>();
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      const { digest } = at;
      if (seen.has(digest)) continue;
      seen.add(digest);
      const known = want(digest, name, at.size, false);
      if (!documents.has(digest)) documents.set(digest, await read(digest, known));
      for (const link of documents.get(digest) ?? []) {
        if (link.role === 'diffID') continue;
        want(link.digest, name, link.size, link.role !== 'manifest');
        if (link.role !== 'layer') open.push(link);
      }
    }
  }
  for (const links of documents.values()) pair(links ?? []);
  return { wanted, blobsOf, layersOf };
}
