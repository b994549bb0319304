import type { DirectoryNode, Node } from './tree.ts';
import { sortNames } from './walk.ts';

/** What stands at one path in two trees; one of the two may be missing. */
export interface Pair {
  /** Absolute; `/` for the root. */
  readonly path: string;
  readonly before: Node | undefined;
  readonly after: Node | undefined;
}

/**
 * Walks two trees as one: every path that either has, a folder before what it holds, names in the order
 * of their bytes, as `walkTree`. With `skipSame`, nothing where both have the same node, nor below it.
 */
export function* walkPairs(
  top: Pair,
  options: { readonly skipSame?: boolean } = {},
): Generator<Pair, void, undefined> {
  const { skipSame = false } = options;
  const pending = [top];
  for (let pair = pending.pop(); pair; pair = pending.pop()) {
    if (skipSame && pair.before === pair.after) continue;
    yield pair;
    const { path, before, after } = pair;
    const [old, now] = [entriesOf(before), entriesOf(after)];
    const prefix = path === '/' ? '/' : `${path}/`;
    for (const name of namesIn(old, now, skipSame)) {
      pending.push({ path: prefix + name, before: old.get(name), after: now.get(name) });
    }
  }
}

type Entries = DirectoryNode['entries'];

const nothing: Entries = new Map();

function entriesOf(node: Node | undefined): Entries {
  return node?.kind === 'directory' ? node.entries : nothing;
}

/** Last first, as a stack takes them. Sorting takes most of the time: only what differs is sorted. */
function namesIn(old: Entries, now: Entries, skipSame: boolean): readonly string[] {
  const names: string[] = [];
  for (const [name, node] of old) {
    if (!skipSame || now.get(name) !== node) names.push(name);
  }
  for (const name of now.keys()) {
    if (!old.has(name)) names.push(name);
  }
  return sortNames(names).reverse();
}
