import type { Tree } from '../tree/tree.ts';
import { isWithin, ramfsPaths } from './mounts.ts';
import type { RootEdit } from './root-edit.ts';
import { clearMount, placeMount } from './root-mounts.ts';

const option = '--tmpfs';

/**
 * Where a ramfs is to be mounted for `tmpfs`. Two paths to one folder are one.
 * @param visible paths that no ramfs may hide.
 * @throws ConvertError `ROOT_CONFLICT`.
 */
export function placeRamfs(
  tree: Tree,
  tmpfs: readonly string[],
  visible: readonly string[],
): readonly string[] {
  return ramfsPaths(tmpfs.map((path) => placeMount(tree, path, option, visible)));
}

/** The folders that OSv cannot make in a ramfs that is mounted before. */
export function addRamfs(tree: Tree, ramfs: readonly string[]): readonly RootEdit[] {
  const made = ['/tmp', ...ramfs];
  return ramfs
    .filter((path) => !made.some((one) => one !== path && isWithin(path, one)))
    .flatMap((path) => clearMount(tree, path, option));
}
