import type { Node, Tree } from '../tree/tree.ts';

export interface Measured {
  /** Names that are neither folders nor symbolic links. */
  readonly files: number;
  /** Of all files, those with several names counted once. */
  readonly bytes: number;
  /** Nodes with several names, and how many. */
  readonly names: ReadonlyMap<Node, number>;
}

/** What there is to write of a tree. */
export function measureTree({ root }: Tree): Measured {
  const counts = new Map<Node, number>();
  let files = 0;
  let bytes = 0;
  const pending: Node[] = [root];
  for (let node = pending.pop(); node; node = pending.pop()) {
    if (node.kind === 'directory') {
      for (const below of node.entries.values()) pending.push(below);
      continue;
    }
    const count = counts.get(node) ?? 0;
    counts.set(node, count + 1);
    if (node.kind !== 'symlink') files += 1;
    if (node.kind === 'file' && count === 0) bytes += node.content.size;
  }
  return { files, bytes, names: new Map([...counts].filter(([, count]) => count > 1)) };
}
