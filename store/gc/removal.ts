import type { Files } from '../files/files.ts';
import type { Thing } from './thing.ts';

/**
 * Removes things; returns of each how many bytes that freed, undefined where nothing of it was
 * there. Only under the gate. First the indexes of layers go, durably, so that neither death nor a
 * loss of power leaves one without its tar: flushed together, they cost little more than one.
 */
export async function removeAll(
  files: Files,
  things: readonly Thing[],
): Promise<readonly (number | undefined)[]> {
  const indexes = things.map((thing) => {
    const [first, second] = thing.files;
    if (thing.kind !== 'layer' || first === undefined || second === undefined) return undefined;
    return removeFile(files, first.path);
  });
  const layers = things.filter((_, at) => indexes[at] !== undefined);
  await Promise.all(layers.flatMap(({ folders }) => folders.map(files.flushFolder)));
  return things.map((thing, at) => {
    const freed = thing.files.flatMap(({ path }) => removeFile(files, path) ?? []);
    const emptied = thing.folders.filter((folder) => files.removeFolder(folder));
    const index = indexes[at];
    if (index === undefined && freed.length === 0 && emptied.length === 0) return undefined;
    return freed.reduce((sum, size) => sum + size, index ?? 0);
  });
}

/** How many bytes that frees; undefined where there is no such file. */
function removeFile(files: Files, path: string): number | undefined {
  const found = files.stat(path);
  if (found === undefined || !files.remove(path)) return undefined;
  return found.links === 1 ? found.size : 0;
}

/** What `removeAll` would return for things one after the other, by their names as they are now. */
export function createRehearsal(): (thing: Thing) => number {
  const links = new Map<number, number>();
  return ({ files }) => {
    let freed = 0;
    for (const { inode, links: names, size } of files) {
      const left = (links.get(inode) ?? names) - 1;
      if (names > 1) links.set(inode, left);
      if (left === 0) freed += size;
    }
    return freed;
  };
}
