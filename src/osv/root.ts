import { posix } from 'node:path';
import type { DotnetApp } from '../dotnet/app.ts';
import { ConvertError } from '../error.ts';
import { editTree } from '../tree/edit.ts';
import { lookup } from '../tree/lookup.ts';
import { directory, fileOfBytes, symlink } from '../tree/nodes.ts';
import type { Node, Tree } from '../tree/tree.ts';
import { walkTree } from '../tree/walk.ts';
import type { DataMount } from './data-mounts.ts';
import { linkLibraries, removeSuppliedLibraries } from './libraries.ts';
import { mendLinks } from './links.ts';
import { fixedMounts, formatFstab, isWithin } from './mounts.ts';
import { addData, type DataFolders, placeData } from './root-data.ts';
import { put, type RootChange, type RootEdit, remove } from './root-edit.ts';
import { addRamfs, placeRamfs } from './root-ramfs.ts';

export interface Root {
  /** What goes on the disk. */
  readonly tree: Tree;
  /** Those of the changes that the app may miss. */
  readonly lost: readonly RootChange[];
  /** What is not as the image has it, in the order it was done. */
  readonly changes: readonly RootChange[];
  /** Where a ramfs is mounted besides /tmp: free of links, a folder before what lies in it. */
  readonly ramfs: readonly string[];
  /** What the machine brings, free of links, too. */
  readonly data: readonly DataMount[];
}

export interface RootOptions {
  /** Folders that are to be writable, as `parseTmpfs` gives them. */
  readonly tmpfs?: readonly string[];
  readonly data?: DataFolders;
  /** Besides the app: what no such folder may hide. */
  readonly needed?: readonly string[];
  /** Paths of what the user added, who may bring the kernel a file system. */
  readonly added?: ReadonlySet<string>;
}

type App = Pick<DotnetApp, 'executable' | 'assembly' | 'workingDirectory'> &
  Partial<Pick<DotnetApp, 'architecture'>>;

/** What OSv always mounts over; on a read-only disk it cannot make the folders itself. */
const mountPoints = fixedMounts.map(({ path }) => path).filter((path) => path !== '/');

const hosts = '127.0.0.1 localhost osv.local\n';

/**
 * The root file system of an image as OSv needs it: what the kernel expects is added, libraries are
 * where its loader looks, and what it would do wrong or run unasked is taken out.
 * @throws ConvertError `ROOT_CONFLICT` when a file stands where a folder must be, or a mount hides the
 * app itself or what it needs.
 */
export function composeRoot(
  image: Tree,
  app: App,
  { tmpfs = [], data: folders, needed = [], added }: RootOptions = {},
): Root {
  requireVisible(app);
  const { executable, assembly, workingDirectory, architecture = 'x64' } = app;
  const visible = [executable, ...(assembly === undefined ? [] : [assembly]), ...needed];
  let ramfs: readonly string[] = [];
  let data: readonly DataMount[] = [];
  const mounted = (): readonly string[] => [...ramfs, ...data.map(({ path }) => path)];
  const steps = [
    (tree: Tree) => removeKernelCommands(tree, added),
    clearMountPoints,
    mendLinks,
    (tree: Tree) => removeSuppliedLibraries(tree, architecture),
    (tree: Tree) => linkLibraries(tree, architecture),
    (tree: Tree) => {
      ramfs = placeRamfs(tree, tmpfs, visible);
      return addRamfs(tree, ramfs);
    },
    (tree: Tree) => {
      if (folders !== undefined) data = placeData(tree, folders, ramfs, visible);
      return addData(tree, data);
    },
    (tree: Tree) => addSettings(tree, ramfs),
    (tree: Tree) => addWorkingDirectory(tree, workingDirectory, mounted()),
  ];
  const done: RootEdit[] = [];
  let tree = image;
  for (const step of steps) {
    const edits = step(tree);
    tree = editTree(tree, edits);
    done.push(...edits);
  }
  return {
    tree,
    lost: done.filter(({ isLoss }) => isLoss).map(changeOf),
    changes: done.map(changeOf),
    ramfs,
    data,
  };
}

function changeOf({ path, change }: RootEdit): RootChange {
  return { path, change };
}

/** A mount hides what the image has below its folder. */
export function mountOver(path: string, ramfs: readonly string[] = []): string | undefined {
  return [...mountPoints, ...ramfs].find((mount) => path !== mount && isWithin(path, mount));
}

function requireVisible({ executable, assembly }: App): void {
  for (const path of [executable, assembly ?? '/']) {
    const mount = mountOver(path);
    if (mount !== undefined) {
      throw new ConvertError(
        'ROOT_CONFLICT',
        `composing the root: found the app at ${path}, where OSv mounts over ${mount}, wanted it elsewhere`,
      );
    }
  }
}

/** An image must not bring commands of its own (loader.cc: /init) or drivers (loader.cc: /usr/lib/fs). */
function removeKernelCommands(
  tree: Tree,
  added: ReadonlySet<string> = new Set(),
): readonly RootEdit[] {
  const commands = lookup(tree, '/init')?.node.kind === 'directory';
  const drivers = lookup(tree, '/usr/lib/fs');
  const names = drivers?.node.kind === 'directory' ? [...drivers.node.entries.keys()] : [];
  const paths = names
    .filter((name) => name.endsWith('.so'))
    .map((name) => posix.join(drivers?.path ?? '/', name))
    .filter((path) => !added.has(path));
  return [
    ...(commands ? ['/init'] : []).map((path) =>
      remove(path, 'left out: OSv would run each file in it as a command', { isLoss: true }),
    ),
    ...paths.map((path) =>
      remove(path, 'left out: OSv would load it into the kernel as a file system', {
        isLoss: true,
      }),
    ),
  ];
}

function clearMountPoints({ root }: Tree): readonly RootEdit[] {
  return mountPoints.flatMap((path) => {
    const node = root.entries.get(path.slice(1));
    if (node === undefined) return [put(path, directory(), 'added: OSv mounts over it')];
    if (node.kind !== 'directory') {
      const change = `a ${node.kind}, replaced by a folder: OSv mounts over it`;
      return [put(path, directory(), change, { isLoss: true })];
    }
    const hidden = countBelow(node);
    return hidden === 0
      ? []
      : [
          put(
            path,
            directory(),
            `emptied: OSv mounts over it and would hide its ${hidden} entries`,
          ),
        ];
  });
}

function countBelow(node: Node): number {
  if (node.kind !== 'directory') return 0;
  let visited = -1;
  for (const _ of walkTree({ root: node })) visited += 1;
  return visited;
}

function addSettings(tree: Tree, ramfs: readonly string[]): readonly RootEdit[] {
  const known = lookup(tree, '/etc/hosts')?.node;
  const hasHosts = known?.kind === 'file' && known.content.size > 0;
  const hasMounts = lookup(tree, '/etc/mnttab', { follow: false }) !== undefined;
  return [
    put('/etc/fstab', fileOfBytes(formatFstab(ramfs)), 'written: what OSv mounts'),
    ...(hasHosts ? [] : [put('/etc/hosts', fileOfBytes(Buffer.from(hosts)), 'written: localhost')]),
    ...(hasMounts ? [] : [put('/etc/mnttab', symlink('/proc/mounts'), 'added: as OSv has it')]),
  ];
}

/** Container runtimes make a missing working directory (OCI image-spec, config.md, `WorkingDir`). */
function addWorkingDirectory(
  tree: Tree,
  path: string,
  ramfs: readonly string[],
): readonly RootEdit[] {
  if (ramfs.includes(path)) return [];
  const found = lookup(tree, path);
  if (found?.node.kind === 'directory') return [];
  if (found !== undefined) {
    throw new ConvertError(
      'ROOT_CONFLICT',
      `composing the root: found a ${found.node.kind} at the working directory ${path}, wanted a folder`,
    );
  }
  const mount = mountOver(path, ramfs);
  if (mount === undefined) return [put(path, directory(), 'added: the working directory')];
  const change = `not there on OSv, which mounts over ${mount}: the app starts in /`;
  return [put(path, directory(), change, { isLoss: true })];
}
