import { ConvertError } from '../error.ts';
import { directory } from './nodes.ts';
import { resolvePath, type Step } from './resolve.ts';
import type { DirectoryNode, Node, Tree } from './tree.ts';

/** `path` is absolute and ends in the name to set or remove. */
export type Edit =
  | { readonly op: 'set'; readonly path: string; readonly node: Node }
  | { readonly op: 'remove'; readonly path: string };

/**
 * The tree with all edits applied in their order. Links in the parents of a path are followed, as in
 * `flatten`; a link at its end is itself set or removed. `set` makes missing parents, mode 0755, and
 * replaces what is there, a folder with all below it; removing what is not there changes nothing.
 * A folder is copied at most once a call, and what no edit touches is shared with the given tree.
 *
 * @throws ConvertError `ROOT_CONFLICT` when a parent of a node to set is a file or links without end, and
 * for a path that ends in no name.
 */
export function editTree(tree: Tree, edits: readonly Edit[]): Tree {
  const copies = openCopies();
  const root = copies.of(tree.root);
  for (const edit of edits) {
    const { parent, name } = split(edit.path);
    const steps = stepsTo(root, parent, edit.op === 'set');
    if (edit.op === 'set') {
      if (!steps) throw conflict(edit.path, 'a file, or links without end, among its parents');
      copies.entriesAt(steps).set(name, edit.node);
    } else if (steps?.at(-1)?.node.entries.has(name)) {
      copies.entriesAt(steps).delete(name);
    }
  }
  return { root };
}

/** Directories of one call: its own copies may still change, all others are copied before they do. */
function openCopies() {
  const entriesOfCopy = new Map<DirectoryNode, Map<string, Node>>();

  function of(original: DirectoryNode): DirectoryNode {
    if (entriesOfCopy.has(original)) return original;
    const entries = new Map(original.entries);
    const copy = { ...original, entries };
    entriesOfCopy.set(copy, entries);
    return copy;
  }

  /** What the folder at the end of `steps` holds, to be changed: all folders on the way become copies. */
  function entriesAt(steps: readonly Step<DirectoryNode>[]): Map<string, Node> {
    let entries = new Map<string, Node>();
    for (const { name, node } of steps) {
      const copy = of(node);
      entries.set(name, copy);
      entries = entriesOfCopy.get(copy) ?? entries;
    }
    return entries;
  }

  return { of, entriesAt };
}

/** The folders from the root to `path`; with `make`, what is missing is there as an empty folder. */
function stepsTo(
  root: DirectoryNode,
  path: string,
  make: boolean,
): readonly Step<DirectoryNode>[] | undefined {
  return resolvePath(root, path, (folder, name) => {
    const node = folder.entries.get(name) ?? (make ? directory() : undefined);
    if (node?.kind === 'symlink') return { link: node.target };
    return node?.kind === 'directory' ? node : undefined;
  });
}

function split(path: string): { readonly parent: string; readonly name: string } {
  const slash = path.lastIndexOf('/');
  const name = path.slice(slash + 1);
  if (slash >= 0 && name !== '' && name !== '.' && name !== '..') {
    return { parent: path.slice(0, slash), name };
  }
  throw conflict(path, 'no name at its end or no slash at its start');
}

function conflict(path: string, found: string): ConvertError {
  return new ConvertError(
    'ROOT_CONFLICT',
    `editing the tree: at ${JSON.stringify(path)} found ${found}, wanted an absolute path in directories`,
  );
}
