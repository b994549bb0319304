import { folderOf } from '../../dotnet/command.ts';
import { withoutAssets } from '../../dotnet/deps-json.ts';
import { hostJsonCap } from '../../dotnet/runtimeconfig.ts';
import { type Contents, readFile } from '../../tree/contents.ts';
import { type Edit, editTree } from '../../tree/edit.ts';
import { lookup } from '../../tree/lookup.ts';
import { fileOfBytes } from '../../tree/nodes.ts';
import type { DirectoryNode, FileNode, Node, Tree } from '../../tree/tree.ts';
import type { Verdict } from './verdict.ts';

/** Where nothing is kept, a folder is; OSv mounts over the first four. */
const alwaysThere = ['/dev', '/proc', '/sys', '/tmp', '/etc', '/root', '/var/tmp'];

/**
 * The tree with nothing but what is kept, the folders it lies in, and `folders` where they are. Each
 * deps.json speaks of what is left beside it.
 */
export function keptTree(
  tree: Tree,
  contents: Contents,
  verdicts: ReadonlyMap<string, Verdict>,
  folders: readonly string[],
): Tree {
  const isKept = (path: string): boolean => 'kept' in (verdicts.get(path) ?? {});
  const wanted = new Set([
    ...foldersAbove([...verdicts.keys()].filter(isKept)),
    ...foldersAbove([...alwaysThere, ...folders].map((path) => `${path}/`)),
  ]);
  const root = keptFolder(tree.root, '', wanted, isKept);
  const lossy = foldersAbove([...verdicts.keys()].filter((path) => !isKept(path)));
  const isLossy = (folder: string): boolean => folder === '' || lossy.has(folder);
  const deps = [...verdicts.keys()].filter(
    (path) => path.endsWith('.deps.json') && isKept(path) && isLossy(folderOf(path)),
  );
  return editTree({ root }, depsEdits({ root }, contents, verdicts, deps));
}

function keptFolder(
  folder: DirectoryNode,
  path: string,
  wanted: ReadonlySet<string>,
  isKept: (path: string) => boolean,
): DirectoryNode {
  const entries = new Map<string, Node>();
  for (const [name, node] of folder.entries) {
    const below = `${path}/${name}`;
    if (node.kind !== 'directory') {
      if (isKept(below)) entries.set(name, node);
    } else if (wanted.has(below) || isKept(below)) {
      entries.set(name, keptFolder(node, below, wanted, isKept));
    }
  }
  return { ...folder, entries };
}

function depsEdits(
  tree: Tree,
  contents: Contents,
  verdicts: ReadonlyMap<string, Verdict>,
  paths: readonly string[],
): readonly Edit[] {
  return paths.flatMap((path): Edit[] => {
    const node = lookup(tree, path, { follow: false })?.node;
    if (node?.kind !== 'file') return [];
    const folder = folderOf(path);
    const isGone = (asset: string): boolean =>
      'dropped' in (verdicts.get(`${folder}/${asset}`) ?? {});
    const changed = withoutAssets(depsJsonOf(contents, node), isGone);
    return changed === undefined ? [] : [{ op: 'set', path, node: withBytes(node, changed) }];
  });
}

/** One that is too large for the host to be read is left as it is. */
function depsJsonOf(contents: Contents, node: FileNode): Uint8Array {
  return node.content.size > hostJsonCap ? new Uint8Array() : readFile(contents, node, hostJsonCap);
}

function withBytes(node: FileNode, bytes: Uint8Array): FileNode {
  return { ...node, content: fileOfBytes(bytes).content };
}

/** Every folder in which one of the paths lies, near or far above. */
export function foldersAbove(paths: Iterable<string>): ReadonlySet<string> {
  const folders = new Set<string>();
  for (const path of paths) {
    for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) {
      const folder = path.slice(0, at);
      if (folders.has(folder)) break;
      folders.add(folder);
    }
  }
  return folders;
}
