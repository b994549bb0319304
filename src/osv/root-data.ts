import { lookup } from '../tree/lookup.ts';
import type { Tree } from '../tree/tree.ts';
import { type DataMount, dataMounts, dataObstacleAt } from './data-mounts.ts';
import { isWithin } from './mounts.ts';
import type { RootEdit } from './root-edit.ts';
import { clearMount, mountConflict, placeMount } from './root-mounts.ts';

/** Folders of the guest that a machine brings the data of, as `parseMountPath` gives them. */
export interface DataFolders {
  /** Each on a disk of its own; one at most can be mounted. */
  readonly volumes: readonly string[];
  /** Each a folder of the host. */
  readonly shares: readonly string[];
}

const options = { ext: '--volume', virtiofs: '--share' } as const;

/** OSv loads it into the kernel when it is on the disk of the system (fs/vfs/main.cc, `pivot_rootfs`). */
const extLibrary = '/usr/lib/fs/libext.so';

/**
 * Where data is to be mounted: apart from each other and from what is in memory, which would hide one another.
 * @param visible paths that nothing may hide.
 * @throws ConvertError `ROOT_CONFLICT`.
 */
export function placeData(
  tree: Tree,
  { volumes, shares }: DataFolders,
  ramfs: readonly string[],
  visible: readonly string[],
): readonly DataMount[] {
  const place = (option: string) => (path: string) => {
    const found = placeMount(tree, path, option, visible);
    const obstacle = dataObstacleAt(found);
    if (obstacle !== undefined) throw mountConflict(path, option, found, obstacle);
    return found;
  };
  const mounts = dataMounts(volumes.map(place('--volume')), shares.map(place('--share')));
  mounts.forEach(({ fileSystem, path }, at) => {
    const others = [...ramfs, ...mounts.filter((_, one) => one !== at).map((one) => one.path)];
    const other = others.find((one) => isWithin(one, path) || isWithin(path, one));
    if (other !== undefined) {
      const found = `another mount at ${other}`;
      throw mountConflict(path, options[fileSystem], found, 'wanted them apart');
    }
  });
  return mounts;
}

export function addData(tree: Tree, mounts: readonly DataMount[]): readonly RootEdit[] {
  return mounts.flatMap(({ fileSystem, path }) => clearMount(tree, path, options[fileSystem]));
}

/** Whether the tree has what OSv's kernel needs for ext4 and is no part of it. */
export function hasExtLibrary(tree: Tree): boolean {
  return lookup(tree, extLibrary)?.node.kind === 'file';
}
