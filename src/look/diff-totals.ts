import { type Aspect, aspects, type Difference } from '../tree/diff.ts';
import type { FileNode, Node } from '../tree/tree.ts';

/** Differences in numbers. A file with several names among those that come or go has its bytes once. */
export interface DiffTotals {
  readonly added: Total;
  readonly removed: Total;
  /** `from` and `to` are the bytes of the files whose content changed. */
  readonly changed: { readonly paths: number; readonly from: number; readonly to: number };
  /** How many paths differ in what; in the order of `aspects`. */
  readonly aspects: Readonly<Partial<Record<Aspect, number>>>;
}

export interface Total {
  readonly paths: number;
  /** Of files. */
  readonly bytes: number;
}

export function totalsOf(differences: readonly Difference[]): DiffTotals {
  const added = createTotal();
  const removed = createTotal();
  const changed = { paths: 0, from: 0, to: 0 };
  const counts = new Map<Aspect, number>();
  for (const difference of differences) {
    if (difference.change === 'added') added.add(difference.after);
    else if (difference.change === 'removed') removed.add(difference.before);
    else {
      const { before, after } = difference;
      changed.paths += 1;
      for (const aspect of difference.aspects) counts.set(aspect, (counts.get(aspect) ?? 0) + 1);
      if (!difference.aspects.some((aspect) => ['kind', 'size', 'content'].includes(aspect)))
        continue;
      changed.from += bytesOf(before);
      changed.to += bytesOf(after);
    }
  }
  const counted = aspects.flatMap((aspect) => {
    const count = counts.get(aspect);
    return count === undefined ? [] : [[aspect, count] as const];
  });
  return {
    added: added.total(),
    removed: removed.total(),
    changed,
    aspects: Object.fromEntries(counted),
  };
}

function createTotal() {
  const seen = new Set<FileNode>();
  let paths = 0;
  let bytes = 0;
  return {
    add(node: Node): void {
      paths += 1;
      if (node.kind !== 'file' || seen.has(node)) return;
      seen.add(node);
      bytes += node.content.size;
    },
    total: (): Total => ({ paths, bytes }),
  };
}

function bytesOf(node: Node): number {
  return node.kind === 'file' ? node.content.size : 0;
}

/** A difference with what came or went below it. */
export interface Folded {
  readonly difference: Difference;
  readonly below?: Total;
}

/** A folder that comes or goes, whole or for something of another kind, stands for all in it. */
export function* foldFolders(
  differences: readonly Difference[],
): Generator<Folded, void, undefined> {
  let top: Difference | undefined;
  let below = createTotal();
  function* folded(): Generator<Folded> {
    const total = below.total();
    if (top) yield { difference: top, ...(total.paths > 0 && { below: total }) };
  }
  for (const difference of differences) {
    const node = difference.change === 'removed' ? difference.before : difference.after;
    if (top && difference.path.startsWith(`${top.path}/`)) {
      below.add(node);
      continue;
    }
    yield* folded();
    const isTop = difference.change !== 'changed' || difference.aspects.includes('kind');
    top = isTop ? difference : undefined;
    below = createTotal();
    if (!isTop) yield { difference };
  }
  yield* folded();
}
