import { posix } from 'node:path';
import { ConvertError } from '../error.ts';
import { lookup } from '../tree/lookup.ts';
import { directory } from '../tree/nodes.ts';
import type { Node, Tree } from '../tree/tree.ts';
import { walkTree } from '../tree/walk.ts';
import { isWithin, obstacleAt, ramfsPaths } from './mounts.ts';
import { put, type RootEdit } from './root-edit.ts';

/** Where OSv looks for the libraries of every program. */
const libraryFolder = '/usr/lib';

/**
 * Where a ramfs is to be mounted for `tmpfs`: links in these paths are followed, since OSv compares a path
 * with its mounts only after it followed them. Two paths to one folder are one.
 * @param visible paths that no ramfs may hide.
 * @throws ConvertError `ROOT_CONFLICT`.
 */
export function placeRamfs(
  tree: Tree,
  tmpfs: readonly string[],
  visible: readonly string[],
): readonly string[] {
  const hidable = [...visible, libraryFolder].map((path) => lookup(tree, path)?.path ?? path);
  const places = tmpfs.map((path) => {
    const place = placeOf(tree, path);
    const obstacle = obstacleAt(place);
    if (obstacle !== undefined) throw conflict(path, `what leads to ${place}`, obstacle);
    const needed = hidable.find((one) => isWithin(one, place));
    if (needed === undefined) return place;
    throw conflict(path, `${needed} below it, which the app needs`, 'wanted a folder without it');
  });
  return ramfsPaths(places);
}

/** The folder that a path means; what is missing of it lies in the last folder that is there. */
function placeOf(tree: Tree, path: string): string {
  const found = lookup(tree, path);
  if (found?.node.kind === 'directory') return found.path;
  const there = found ?? lookup(tree, path, { follow: false });
  if (there !== undefined) {
    const what = there.node.kind === 'symlink' ? 'link to nothing' : there.node.kind;
    throw conflict(path, `a ${what} there`, 'wanted a folder, or nothing');
  }
  return posix.join(placeOf(tree, posix.dirname(path)), posix.basename(path));
}

/** On a read-only disk OSv cannot make the folders itself; what lies in one could not be seen. */
export function addRamfs(tree: Tree, ramfs: readonly string[]): readonly RootEdit[] {
  const made = ['/tmp', ...ramfs];
  return ramfs
    .filter((path) => !made.some((one) => one !== path && isWithin(path, one)))
    .flatMap((path) => {
      const node = lookup(tree, path)?.node;
      if (node === undefined) return [put(path, directory(), 'added: --tmpfs mounts over it')];
      if (node.kind === 'directory' && node.entries.size === 0) return [];
      const hidden = countFiles(node);
      const change = `emptied: --tmpfs mounts over it and hides its ${hidden} ${hidden === 1 ? 'file' : 'files'}`;
      return [put(path, directory(), change, { isLoss: hidden > 0 })];
    });
}

function countFiles(root: Node): number {
  if (root.kind !== 'directory') return 0;
  let files = 0;
  for (const { node } of walkTree({ root })) if (node.kind !== 'directory') files += 1;
  return files;
}

function conflict(path: string, found: string, wanted: string): ConvertError {
  return new ConvertError(
    'ROOT_CONFLICT',
    `mounting a ramfs over ${JSON.stringify(path)} (--tmpfs): found ${found}, ${wanted}`,
  );
}
