import { setImmediate as turn } from 'node:timers/promises';
import type { Store } from '../../store/index.ts';
import type { PullOptions } from '../pull/pull.ts';
import { type Aspect, aspects, createComparison, type Difference } from '../tree/diff.ts';
import type { Found } from '../tree/lookup.ts';
import { type Pair, walkPairs } from '../tree/pairs.ts';
import { findPath, requirePath } from './found.ts';
import { type View, withView } from './view.ts';

export interface DiffOptions extends PullOptions {
  /** The folder or file to compare, and all below it; links are followed. All when absent. */
  readonly path?: string;
  /** What may differ. The kind of a node always counts. */
  readonly ignore?: readonly Aspect[];
}

/** What two file systems differ in. */
export interface Diff {
  readonly before: Side;
  readonly after: Side;
  /** What was compared, as the differences name it. */
  readonly path: string;
  /** In the order of `aspects`: without what was ignored, and what a side does not keep. */
  readonly compared: readonly Aspect[];
  /** How many paths there are on either side. */
  readonly paths: number;
  /** In the order of `walkTree`. */
  readonly differences: readonly Difference[];
}

export type Side = Pick<View, 'name' | 'subject' | 'kind' | 'hasAttributes'>;

/** What a ROFS has not. */
const attributes: readonly Aspect[] = ['mode', 'owner', 'mtime', 'xattrs'];

/** Between two turns of the event loop, in which Ctrl-C is heard; in milliseconds. */
const longestTurn = 50;

/**
 * Compares two subjects, of whatever kinds; those that are not in the store are pulled. Where a side keeps
 * no attributes, they are not compared, and a warning says so.
 *
 * @throws ConvertError `PATH_NOT_FOUND` for a path that neither side has; for others see `withView`.
 */
export async function diff(
  store: Store,
  before: string,
  after: string,
  options: DiffOptions,
): Promise<Diff> {
  const found = await withView(store, before, options, (old) =>
    withView(store, after, options, (now) => compare(old, now, options)),
  );
  const bare = [found.before, found.after].filter(({ hasAttributes }) => !hasAttributes);
  if (bare.length > 0) {
    const names = [...new Set(bare.map(({ name }) => name))].join(' and ');
    const text = `${names}: no modes, owners, times and extended attributes are kept there; they are not compared`;
    options.onEvent?.({ event: 'warning', text });
  }
  return found;
}

async function compare(before: View, after: View, options: DiffOptions): Promise<Diff> {
  const { path = '/', ignore = [], signal } = options;
  const ignored = new Set(ignore);
  const kept = before.hasAttributes && after.hasAttributes;
  if (!kept) for (const aspect of attributes) ignored.add(aspect);
  const compared = aspects.filter((aspect) => !ignored.has(aspect));

  const top = topPair(before, after, path);
  const comparison = createComparison(compared);
  const differences: Difference[] = [];
  let paths = 0;
  let lastTurn = performance.now();
  for (const pair of walkPairs(top)) {
    paths += 1;
    const difference = comparison(pair);
    if (difference) differences.push(difference);
    if (performance.now() - lastTurn < longestTurn) continue;
    await turn();
    signal?.throwIfAborted();
    lastTurn = performance.now();
  }
  return {
    before: sideOf(before),
    after: sideOf(after),
    path: top.path,
    compared,
    paths,
    differences,
  };
}

function sideOf({ name, subject, kind, hasAttributes }: View): Side {
  return { name, subject, kind, hasAttributes };
}

/** What the path leads to on both sides: one of them may have nothing there. */
function topPair(before: View, after: View, path: string): Pair {
  const old = find(before, path);
  const now = find(after, path);
  if (!old && !now) requirePath(after, path);
  const places = new Set([old, now].flatMap((found) => (found ? [found.path] : [])));
  const [place = '/', ...others] = places;
  const asked = `/${path.replace(/^\/+|\/+$/g, '')}`;
  return { path: others.length > 0 ? asked : place, before: old?.node, after: now?.node };
}

/** A link that leads nowhere is compared itself. */
function find(view: View, path: string): Found | undefined {
  return findPath(view, path) ?? findPath(view, path, { follow: false });
}
