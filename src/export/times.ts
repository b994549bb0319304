import type { Node, Tree } from '../tree/tree.ts';

/** The tree with other times, in seconds since 1970; what was one node stays one. */
export function withTimes({ root }: Tree, timeFor: (mtime: number) => number): Tree {
  const made = new Map<Node, Node>();

  function changed<T extends Node>(node: T): T {
    return { ...node, mtime: timeFor(node.mtime) };
  }

  function of(node: Node): Node {
    const known = made.get(node);
    if (known) return known;
    const copy = node.kind === 'directory' ? folderOf(node) : changed(node);
    made.set(node, copy);
    return copy;
  }

  function folderOf(folder: Tree['root']): Tree['root'] {
    const entries = new Map<string, Node>();
    for (const [name, node] of folder.entries) entries.set(name, of(node));
    return { ...changed(folder), entries };
  }

  return { root: folderOf(root) };
}
