import { encodeName } from '../../store/index.ts';
import { summaryOf } from '../look/node-summary.ts';
import type { View } from '../look/view.ts';
import type { Node } from '../tree/tree.ts';
import type { Visited } from '../tree/walk.ts';
import { printable } from './format.ts';
import { longColumns, longLine, usualWidths } from './node-row.ts';
import { inPieces, jsonList } from './pieces.ts';

type LinksOf = (node: Node) => number;

/** A path a line; with `long` as in a long listing, in columns of usual widths. */
export function foundText(
  view: View,
  found: Iterable<Visited>,
  { long, linksOf }: { readonly long: boolean; readonly linksOf: LinksOf },
): Iterable<string> {
  const widths = usualWidths(view);
  return inPieces(
    mapped(found, ({ path, node }) =>
      long
        ? longLine(longColumns(view, node, linksOf(node)), widths, path, node)
        : `${printable(path)}\n`,
    ),
  );
}

/** By `schemas/nodes.schema.json`. */
export function foundJson(
  view: View,
  found: Iterable<Visited>,
  linksOf: LinksOf,
): Iterable<string> {
  const summaries = mapped(found, ({ path, node }) => summaryOf(view, path, node, linksOf(node)));
  return inPieces(jsonList({ name: view.name, kind: view.kind }, 'nodes', summaries));
}

/** Paths as their bytes, a NUL after each: no name has one. */
export function foundBytes(found: Iterable<Visited>): Iterable<Uint8Array> {
  return mapped(inPieces(mapped(found, ({ path }) => `${path}\0`)), encodeName);
}

function* mapped<T, R>(items: Iterable<T>, change: (item: T) => R): Generator<R, void, undefined> {
  for (const item of items) yield change(item);
}
