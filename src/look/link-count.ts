import type { DirectoryNode, Node, Tree } from '../tree/tree.ts';

/**
 * How many names a node has in the tree, as `st_nlink` tells it: for a folder its own, its `.`, and the
 * `..` of each folder in it. The tree is gone through once, at the first question.
 */
export function createLinkCount(tree: Tree): (node: Node) => number {
  let counts: ReadonlyMap<Node, number> | undefined;
  return (node) => {
    if (node.kind === 'directory') return 2 + foldersIn(node);
    counts ??= countShared(tree);
    return counts.get(node) ?? 1;
  };
}

function foldersIn({ entries }: DirectoryNode): number {
  let folders = 0;
  for (const node of entries.values()) if (node.kind === 'directory') folders += 1;
  return folders;
}

/** Nodes with more than one name. */
function countShared(tree: Tree): ReadonlyMap<Node, number> {
  const seen = new Set<Node>();
  const shared = new Map<Node, number>();
  const pending: Node[] = [tree.root];
  for (let folder = pending.pop(); folder; folder = pending.pop()) {
    if (folder.kind !== 'directory') continue;
    for (const node of folder.entries.values()) {
      if (node.kind === 'directory') pending.push(node);
      else if (seen.has(node)) shared.set(node, (shared.get(node) ?? 1) + 1);
      else seen.add(node);
    }
  }
  return shared;
}
