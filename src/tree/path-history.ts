import type { LayerIndex } from '../../store/index.ts';
import { type Counts, countPairs, pathAspects } from './counts.ts';
import { type Aspect, aspectsOf } from './diff.ts';
import { type Found, lookup } from './lookup.ts';
import { walkPairs } from './pairs.ts';
import type { Node, Tree } from './tree.ts';

/** What became of a path, layer by layer. Links among its parents are followed as each layer has them. */
export interface PathHistory {
  /** The path that was followed. */
  readonly path: string;
  /** Lowest layer first, at most one a layer; none where no layer ever had the path. */
  readonly events: readonly PathEvent[];
  /** What is there in the end. */
  readonly seen?: Seen;
}

export interface Seen extends Found {
  /** The layer whose bytes a file has: a hard link may show those of another layer than its own. */
  readonly bytesOf?: number;
}

/**
 * What a layer did to a path.
 *
 * - `added`: nothing was there.
 * - `changed`: what is there differs in `aspects`, or lies elsewhere (`from`).
 * - `again`: the layer brought a file, a link or a device once more, in nothing different.
 * - `leads`: a link among the parents is another one, and the path leads to what was elsewhere before.
 * - `removed`: nothing is there any more.
 * - `hidden`: what was there is still at `path`, but a link among the parents does not lead there.
 * - `below`: the folder is as it was, but not what it holds.
 */
export interface PathEvent {
  readonly layer: number;
  readonly event: 'added' | 'changed' | 'again' | 'leads' | 'removed' | 'hidden' | 'below';
  /** Where the path led: after the layer, before it where it leads nowhere now. Without links. */
  readonly path: string;
  /** Where it led before, when that was elsewhere. */
  readonly from?: string;
  readonly before?: Node;
  readonly after?: Node;
  readonly aspects: readonly Aspect[];
  /** The layer whose bytes a file has after this one. */
  readonly bytesOf?: number;
  /** Of `removed`: the folder above it that went, or is none any more. */
  readonly with?: string;
  /** What changed below a folder. */
  readonly below?: Counts;
}

/** Follows one path; `apply` is told of each layer in turn. */
export function createPathHistory(layers: readonly LayerIndex[], path: string) {
  const events: PathEvent[] = [];
  let found: Found | undefined;
  let number = 0;

  /** The highest layer so far whose tar a file lies in: one that stands twice counts where it was last. */
  function bytesOf(node: Node | undefined): { readonly bytesOf?: number } {
    if (node?.kind !== 'file' || node.content.kind !== 'layer') return {};
    const { layer } = node.content;
    for (let at = number; at > 0; at -= 1) {
      if (layers[at - 1]?.diffID === layer) return { bytesOf: at };
    }
    return {};
  }

  function apply(before: Tree, after: Tree, layer: number): void {
    number = layer;
    const old = lookup(before, path, asItself);
    const now = lookup(after, path, asItself);
    found = now;
    const change = now ? arrival(before, old, now) : old && departure(after, old);
    if (change) events.push({ layer, ...change, ...bytesOf(now?.node) });
  }

  function end(): PathHistory {
    return { path, events, ...(found && { seen: { ...found, ...bytesOf(found.node) } }) };
  }

  return { apply, end };
}

/** A link at the end of a path is what the path means. */
const asItself = { follow: false };

type Change = Omit<PathEvent, 'layer' | 'bytesOf'>;

/** What a layer did to a path that leads somewhere after it. */
function arrival(before: Tree, old: Found | undefined, now: Found): Change | undefined {
  const { path, node: after } = now;
  const isElsewhere = old !== undefined && old.path !== path;
  const below = countsBelow(old?.node, after);
  const aspects = old ? differing(old.node, after) : [];
  const change = {
    path,
    ...(isElsewhere && { from: old.path }),
    ...(old && { before: old.node }),
    ...{ after, aspects },
    ...(below && { below }),
  };
  if ((!old || isElsewhere) && wasThere(before, now)) return { event: 'leads', ...change };
  if (!old) return { event: 'added', ...change };
  if (isElsewhere || aspects.length > 0) return { event: 'changed', ...change };
  if (below) return { event: 'below', ...change };
  if (old.node === after || after.kind === 'directory') return undefined;
  return { event: 'again', ...change };
}

/** Whether the tree has had that at its place: of folders only the same attributes can tell. */
function wasThere(before: Tree, { path, node }: Found): boolean {
  const found = lookup(before, path, asItself);
  if (found?.path !== path) return false;
  if (node.kind !== 'directory') return found.node === node;
  return differing(found.node, node).length === 0;
}

/** What a layer did to a path that leads nowhere after it. */
function departure(after: Tree, { path, node }: Found): Change {
  const change = { path, before: node, aspects: [] };
  const gone = firstMissing(after, path);
  if (gone === undefined) return { event: 'hidden', ...change };
  const below = countsBelow(node, undefined);
  return {
    event: 'removed',
    ...change,
    ...(gone !== path && { with: gone }),
    ...(below && { below }),
  };
}

function differing(before: Node, after: Node): readonly Aspect[] {
  return aspectsOf(before, after, pathAspects);
}

function countsBelow(before: Node | undefined, after: Node | undefined): Counts | undefined {
  if (before?.kind !== 'directory' && after?.kind !== 'directory') return undefined;
  const pairs = walkPairs({ path: '/', before, after }, { skipSame: true });
  if (pairs.next().done) return undefined;
  const counts = countPairs(pairs);
  return counts.added + counts.changed + counts.removed > 0 ? counts : undefined;
}

/** The first of the folders on a path without links, or its end, that is not there or no folder. */
function firstMissing({ root }: Tree, path: string): string | undefined {
  let node: Node = root;
  let at = '';
  for (const name of path.split('/').slice(1)) {
    const next: Node | undefined = node.kind === 'directory' ? node.entries.get(name) : undefined;
    if (!next) return node.kind === 'directory' ? `${at}/${name}` : at;
    at = `${at}/${name}`;
    node = next;
  }
  return undefined;
}
