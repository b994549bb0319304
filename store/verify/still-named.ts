import type { FileStat } from '../files/files.ts';
import type { Ref } from '../names/contract.ts';
import { nameOf } from '../names/refs.ts';
import type { StoreParts } from '../parts.ts';
import { inspectIndex } from './index-json.ts';

/**
 * A function that gives the names among `refs` that mean now what they meant then. index.json is
 * read again only when it was written since: it is asked for each of many blobs.
 */
export function createStillNamed(
  parts: StoreParts,
  refs: () => readonly Ref[],
): () => Promise<ReadonlySet<string>> {
  const { files, layout } = parts;
  let seen: FileStat | undefined;
  let names: ReadonlySet<string> | undefined;
  return async () => {
    const now = files.stat(layout.index);
    const isSame = now?.inode === seen?.inode && now?.mtime === seen?.mtime;
    if (names !== undefined && isSame && now?.size === seen?.size) return names;
    seen = now;
    const { manifests } = (await inspectIndex(parts)).index;
    const entries = new Set(manifests.map((entry) => `${entry.digest} ${nameOf(entry)}`));
    const still = refs().filter(({ name, descriptor }) =>
      entries.has(`${descriptor.digest} ${name}`),
    );
    names = new Set(still.map(({ name }) => name));
    return names;
  };
}
