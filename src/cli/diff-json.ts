import type { Diff, Side } from '../look/diff.ts';
import { totalsOf } from '../look/diff-totals.ts';
import { summaryOf } from '../look/node-summary.ts';
import { type Difference, differingXattrs } from '../tree/diff.ts';
import type { Node } from '../tree/tree.ts';
import { jsonText } from './format.ts';
import { jsonList } from './pieces.ts';

/** What `diff --json` prints; `schemas/diff.schema.json` describes it. */
export function diffJson(diff: Diff): Generator<string, void, undefined> {
  return jsonList(headOf(diff), 'differences', differencesOf(diff));
}

export function* statJson(diff: Diff): Generator<string, void, undefined> {
  yield `${jsonText(headOf(diff), 2)}\n`;
}

function headOf({ before, after, path, compared, paths, differences }: Diff) {
  return {
    before: sideOf(before),
    after: sideOf(after),
    path,
    compared,
    paths,
    totals: totalsOf(differences),
  };
}

function sideOf({ name, subject, kind }: Side) {
  return { name, subject, kind };
}

function* differencesOf({ before, after, differences }: Diff): Generator<unknown> {
  for (const difference of differences) yield differenceOf(before, after, difference);
}

function differenceOf(before: Side, after: Side, difference: Difference): unknown {
  const { change, path } = difference;
  switch (change) {
    case 'added':
      return { change, path, after: nodeOf(after, difference.after) };
    case 'removed':
      return { change, path, before: nodeOf(before, difference.before) };
    case 'changed': {
      const { aspects, links } = difference;
      const xattrs = aspects.includes('xattrs') && {
        xattrs: differingXattrs(difference.before, difference.after),
      };
      return {
        ...{ change, path, aspects },
        before: nodeOf(before, difference.before),
        after: nodeOf(after, difference.after),
        ...xattrs,
        ...(links && { links }),
      };
    }
  }
}

/** A node as other commands tell it, without what is no property of its own. */
export function nodeOf(side: Pick<Side, 'hasAttributes'>, node: Node): object {
  const { path: _path, links: _links, ...own } = summaryOf(side, '', node, 1);
  return own;
}
