import { compareNames } from '../../store/index.ts';
import type { DirectoryNode, Node, Tree } from './tree.ts';

export interface Visited {
  /** Absolute; `/` for the root. */
  readonly path: string;
  readonly node: Node;
  /** Steps from where the walk began. */
  readonly depth: number;
}

/** Every node, the root first, a folder before what it holds, names in the order of their bytes. */
export function walkTree(tree: Tree): Generator<Visited, void, undefined> {
  return walkFrom({ path: '/', node: tree.root });
}

/** As `walkTree`, from a node on that `path` leads to, and no deeper than `maxDepth`. */
export function* walkFrom(
  start: Pick<Visited, 'path' | 'node'>,
  maxDepth = Number.POSITIVE_INFINITY,
): Generator<Visited, void, undefined> {
  const pending: Visited[] = [{ ...start, depth: 0 }];
  for (let visited = pending.pop(); visited; visited = pending.pop()) {
    yield visited;
    const { node, path } = visited;
    if (node.kind !== 'directory' || visited.depth >= maxDepth) continue;
    const prefix = path === '/' ? '/' : `${path}/`;
    const depth = visited.depth + 1;
    const named = sortedEntries(node);
    for (const [name, node] of named.reverse()) pending.push({ path: prefix + name, node, depth });
  }
}

/** What a folder holds, names in the order of their bytes. */
export function sortedEntries({ entries }: DirectoryNode): (readonly [string, Node])[] {
  const sorted: (readonly [string, Node])[] = [];
  for (const name of sortedNames(entries)) {
    const node = entries.get(name);
    if (node) sorted.push([name, node]);
  }
  return sorted;
}

/** A folder may have a million names. Below the surrogates UTF-16, of which `sort` is fast, has the order of UTF-8. */
function sortedNames(entries: ReadonlyMap<string, Node>): string[] {
  const names = [...entries.keys()];
  return names.some((name) => /[\ud800-\uffff]/.test(name))
    ? names.sort(compareNames)
    : names.sort();
}
