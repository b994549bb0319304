import type { Attributes, Node, Tree } from '../tree/tree.ts';

/** The tree with other attributes where `changeOf` names some; what was one node stays one. */
export function withAttributes(
  { root }: Tree,
  changeOf: (node: Node) => Partial<Attributes>,
): Tree {
  const made = new Map<Node, Node>();

  function of(node: Node): Node {
    const known = made.get(node);
    if (known) return known;
    const copy = node.kind === 'directory' ? folderOf(node) : { ...node, ...changeOf(node) };
    made.set(node, copy);
    return copy;
  }

  function folderOf(folder: Tree['root']): Tree['root'] {
    const entries = new Map<string, Node>();
    for (const [name, node] of folder.entries) entries.set(name, of(node));
    return { ...folder, ...changeOf(folder), entries };
  }

  return { root: folderOf(root) };
}

/** The tree with other times, in seconds since 1970. */
export function withTimes(tree: Tree, timeFor: (mtime: number) => number): Tree {
  return withAttributes(tree, ({ mtime }) => ({ mtime: timeFor(mtime) }));
}
