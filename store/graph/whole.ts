import type { Digest } from '../digest.ts';
import type { Walk } from './graph.ts';

/**
 * For each of `roots`, the first blob that its name cannot do without and the store lacks; undefined
 * where the image is whole. A manifest needs its config and its layers, an index one manifest that
 * is whole: it may name platforms that were never pulled.
 */
export function lacksOf(
  roots: readonly Digest[],
  { documents, missing }: Walk,
): ReadonlyMap<Digest, Digest | undefined> {
  const lacks = new Map<Digest, Digest | undefined>();
  const linksOf = (digest: Digest) => documents.get(digest) ?? [];
  const manifestsOf = (digest: Digest) =>
    linksOf(digest)
      .filter(({ role }) => role === 'manifest')
      .map((link) => link.digest);

  const lackOf = (digest: Digest): Digest | undefined => {
    if (missing.has(digest)) return digest;
    const parts = linksOf(digest).filter(({ role }) => role === 'config' || role === 'layer');
    const part = parts.find((link) => missing.has(link.digest));
    if (part !== undefined) return part.digest;
    const below = manifestsOf(digest).map((manifest) => lacks.get(manifest));
    return below.includes(undefined) ? undefined : below[0];
  };

  // What an index leads to is judged before it. Not by recursion: documents may lead very deep.
  const open = [...roots];
  for (let digest = open.at(-1); digest !== undefined; digest = open.at(-1)) {
    const unknown = manifestsOf(digest).filter((manifest) => !lacks.has(manifest));
    if (unknown.length > 0) {
      open.push(...unknown);
      continue;
    }
    lacks.set(digest, lackOf(digest));
    open.pop();
  }
  return lacks;
}

/** The blobs that were reached and are there, in the order of their digests. */
export function presentBlobs({ documents, missing }: Walk): readonly Digest[] {
  const links = [...documents.values()].flat().filter(({ role }) => role !== 'diffID');
  const digests = new Set([...documents.keys(), ...links.map(({ digest }) => digest)]);
  return [...digests].filter((digest) => !missing.has(digest)).sort();
}
