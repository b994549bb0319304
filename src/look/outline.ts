import { compareNames } from '../../store/index.ts';
import type { Found } from '../tree/lookup.ts';
import type { Node } from '../tree/tree.ts';
import { sortedEntries } from '../tree/walk.ts';

export interface OutlineOptions {
  /** Folders only. */
  readonly directories?: boolean;
  /** Steps below the start. */
  readonly level?: number;
}

/** One line of a drawn tree. */
export interface OutlineRow {
  readonly name: string;
  readonly node: Node;
  readonly depth: number;
  /** Nothing of its folder is shown after it. */
  readonly isLast: boolean;
}

/** The rows of a tree from `start` down, which is the first; a folder before what it holds, sorted. */
export function* outline(
  start: Found,
  { directories = false, level = Number.POSITIVE_INFINITY }: OutlineOptions = {},
): Generator<OutlineRow, void, undefined> {
  const pending: OutlineRow[] = [{ name: start.path, node: start.node, depth: 0, isLast: true }];
  for (let row = pending.pop(); row; row = pending.pop()) {
    yield row;
    const { node } = row;
    if (node.kind !== 'directory' || row.depth >= level) continue;
    const depth = row.depth + 1;
    let isLast = true;
    for (const [name, child] of sortedEntries(node).reverse()) {
      if (directories && child.kind !== 'directory') continue;
      pending.push({ name, node: child, depth, isLast });
      isLast = false;
    }
  }
}

/**
 * Bytes of the files in and below each folder from `start` down. A file with several names counts once,
 * in the first folder that has one of them.
 */
export function folderSizes(start: Found): ReadonlyMap<Node, number> {
  const counted = new Set<Node>();
  const parents = new Map<Node, Node>();
  const sizes = new Map<Node, number>();
  const pending: Node[] = [start.node];
  for (let folder = pending.pop(); folder; folder = pending.pop()) {
    if (folder.kind !== 'directory') continue;
    let size = 0;
    const folders: [string, Node][] = [];
    for (const [name, node] of folder.entries) {
      if (node.kind === 'directory') folders.push([name, node]);
      if (node.kind !== 'file' || counted.has(node)) continue;
      counted.add(node);
      size += node.content.size;
    }
    sizes.set(folder, size);
    for (const [, node] of folders.sort(([a], [b]) => compareNames(b, a))) {
      parents.set(node, folder);
      pending.push(node);
    }
  }
  // From the last to the first each folder is complete before it is added to the one above.
  for (const folder of [...sizes.keys()].reverse()) {
    const parent = parents.get(folder);
    if (parent) sizes.set(parent, (sizes.get(parent) ?? 0) + (sizes.get(folder) ?? 0));
  }
  return sizes;
}
