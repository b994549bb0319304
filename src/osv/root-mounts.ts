import { posix } from 'node:path';
import { ConvertError } from '../error.ts';
import { lookup } from '../tree/lookup.ts';
import { directory } from '../tree/nodes.ts';
import type { Node, Tree } from '../tree/tree.ts';
import { walkTree } from '../tree/walk.ts';
import { isWithin, obstacleAt } from './mounts.ts';
import { put, type RootEdit } from './root-edit.ts';

/** Where OSv looks for the libraries of every program. */
const libraryFolder = '/usr/lib';

/**
 * Where `path` is in the tree: links in it are followed, since OSv compares a path with its mounts only after
 * it followed them.
 * @param option what asks for it, such as `--tmpfs`.
 * @param visible paths that no mount may hide.
 * @throws ConvertError `ROOT_CONFLICT`.
 */
export function placeMount(
  tree: Tree,
  path: string,
  option: string,
  visible: readonly string[],
): string {
  const place = placeOf(tree, path, option);
  const obstacle = obstacleAt(place);
  if (obstacle !== undefined) throw mountConflict(path, option, `what leads to ${place}`, obstacle);
  const needed = [...visible, libraryFolder]
    .map((one) => lookup(tree, one)?.path ?? one)
    .find((one) => isWithin(one, place));
  if (needed === undefined) return place;
  const found = `${needed} below it, which the app needs`;
  throw mountConflict(path, option, found, 'wanted a folder without it');
}

/** The folder that a path means; what is missing of it lies in the last folder that is there. */
function placeOf(tree: Tree, path: string, option: string): string {
  const found = lookup(tree, path);
  if (found?.node.kind === 'directory') return found.path;
  const there = found ?? lookup(tree, path, { follow: false });
  if (there !== undefined) {
    const what = there.node.kind === 'symlink' ? 'link to nothing' : there.node.kind;
    throw mountConflict(path, option, `a ${what} there`, 'wanted a folder, or nothing');
  }
  return posix.join(placeOf(tree, posix.dirname(path), option), posix.basename(path));
}

/** On a read-only disk OSv cannot make the folder itself; what lies in it could not be seen. */
export function clearMount(tree: Tree, path: string, option: string): readonly RootEdit[] {
  const node = lookup(tree, path)?.node;
  if (node === undefined) return [put(path, directory(), `added: ${option} mounts over it`)];
  if (node.kind === 'directory' && node.entries.size === 0) return [];
  const hidden = countFiles(node);
  const change = `emptied: ${option} mounts over it and hides its ${hidden} ${hidden === 1 ? 'file' : 'files'}`;
  return [put(path, directory(), change, { isLoss: hidden > 0 })];
}

function countFiles(root: Node): number {
  if (root.kind !== 'directory') return 0;
  let files = 0;
  for (const { node } of walkTree({ root })) if (node.kind !== 'directory') files += 1;
  return files;
}

export function mountConflict(
  path: string,
  option: string,
  found: string,
  wanted: string,
): ConvertError {
  const what = option === '--tmpfs' ? 'a ramfs over' : 'at';
  return new ConvertError(
    'ROOT_CONFLICT',
    `mounting ${what} ${JSON.stringify(path)} (${option}): found ${found}, ${wanted}`,
  );
}
