import { createLinkCount } from '../look/link-count.ts';
import type { Listing } from '../look/list.ts';
import { summaryOf } from '../look/node-summary.ts';
import type { View } from '../look/view.ts';
import { printable } from './format.ts';
import { longColumns, longLine, widthsOf } from './node-row.ts';
import { jsonList } from './pieces.ts';

export interface ListingLook {
  readonly long: boolean;
  /** Names each folder above what it holds. */
  readonly withHeads: boolean;
}

/** As ls(1) prints it; the columns of a long listing are as wide as each folder needs them. */
export function* listingText(
  view: View,
  listings: Iterable<Listing>,
  { long, withHeads }: ListingLook,
): Generator<string, void, undefined> {
  const linksOf = createLinkCount(view.tree);
  let separator = '';
  for (const { folder, nodes } of listings) {
    if (folder !== undefined && withHeads) yield `${separator}${printable(folder)}:\n`;
    separator = '\n';
    if (!long) {
      for (const { name } of nodes) yield `${printable(name)}\n`;
      continue;
    }
    const rows = nodes.map(({ node }) => longColumns(view, node, linksOf(node)));
    const widths = widthsOf(rows);
    for (const [at, { name, node }] of nodes.entries()) {
      yield longLine(rows[at] ?? [], widths, name, node);
    }
  }
}

/** By `schemas/nodes.schema.json`. */
export function* listingJson(
  view: View,
  listings: Iterable<Listing>,
): Generator<string, void, undefined> {
  const linksOf = createLinkCount(view.tree);
  function* summaries() {
    for (const { nodes } of listings) {
      for (const { path, node } of nodes) yield summaryOf(view, path, node, linksOf(node));
    }
  }
  yield* jsonList({ name: view.name, kind: view.kind }, 'nodes', summaries());
}
