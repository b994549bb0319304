import { compareNames } from '../../store/index.ts';
import type { Node, Tree } from './tree.ts';

export interface Visited {
  /** Absolute; `/` for the root. */
  readonly path: string;
  readonly node: Node;
}

/** Every node, the root first, a folder before what it holds, names in the order of their bytes. */
export function* walkTree(tree: Tree): Generator<Visited, void, undefined> {
  const pending: Visited[] = [{ path: '/', node: tree.root }];
  for (let visited = pending.pop(); visited; visited = pending.pop()) {
    yield visited;
    if (visited.node.kind !== 'directory') continue;
    const prefix = visited.path === '/' ? '/' : `${visited.path}/`;
    const names = [...visited.node.entries].sort(([a], [b]) => compareNames(b, a));
    for (const [name, node] of names) pending.push({ path: prefix + name, node });
  }
}
