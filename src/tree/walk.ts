import { decodeName, encodeName } from '../../store/index.ts';
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
  const listed = [...entries];
  if (isSorted(listed)) return listed;
  const sorted: (readonly [string, Node])[] = [];
  for (const name of sortNames([...entries.keys()])) {
    const node = entries.get(name);
    if (node) sorted.push([name, node]);
  }
  return sorted;
}

/** Most tars are written in the order of names; only below the surrogates is that of strings that of bytes. */
function isSorted(entries: readonly (readonly [string, Node])[]): boolean {
  let before = '';
  for (const [name] of entries) {
    if (name < before || isHigh.test(name)) return false;
    before = name;
  }
  return true;
}

const isHigh = /[\ud800-\uffff]/;

/**
 * Names in the order of their bytes. A folder may have a million, and hostile ones agree for thousands of
 * characters: nothing but the engine's own order of strings is fast, and that is the order of bytes only
 * below the surrogates, or where each character is a byte.
 */
export function sortNames(names: readonly string[]): string[] {
  if (!names.some((name) => isHigh.test(name))) return [...names].sort();
  const bytes = names.map((name) => Buffer.from(encodeName(name)).toString('latin1'));
  return bytes.sort().map((text) => decodeName(Buffer.from(text, 'latin1')));
}
