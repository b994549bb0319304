import type { Diff } from '../look/diff.ts';
import { type Folded, foldFolders, type Total, totalsOf } from '../look/diff-totals.ts';
import { kindOf, octal } from '../look/node-summary.ts';
import { isoTime } from '../look/time-text.ts';
import { type Aspect, type Changed, type Difference, differingXattrs } from '../tree/diff.ts';
import type { Node } from '../tree/tree.ts';
import { formatBytes, formatCount, formatTable, printable } from './format.ts';

/** What `diff` prints: a path a line, with `docker diff`'s letters, and the totals at the end. */
export function* diffText(
  diff: Diff,
  { all }: { readonly all: boolean },
): Generator<string, void, undefined> {
  const { differences, paths } = diff;
  const lines: Iterable<Folded> = all
    ? differences.map((difference) => ({ difference }))
    : foldFolders(differences);
  for (const line of lines) yield lineOf(line);
  if (differences.length === 0) {
    yield `no difference in ${formatCount(paths, 'path')}\n`;
    return;
  }
  const { added, removed, changed } = totalsOf(differences);
  yield `\n${added.paths} added (${formatBytes(added.bytes)}), ` +
    `${removed.paths} removed (${formatBytes(removed.bytes)}), ` +
    `${changed.paths} changed (${arrow(changed.from, changed.to)})\n`;
}

/** Counts and bytes alone. */
export function* statText({ differences }: Diff): Generator<string, void, undefined> {
  const { added, removed, changed, aspects } = totalsOf(differences);
  yield formatTable(
    ['CHANGE', 'PATHS', 'BYTES'],
    [
      ['added', `${added.paths}`, formatBytes(added.bytes)],
      ['removed', `${removed.paths}`, formatBytes(removed.bytes)],
      ['changed', `${changed.paths}`, arrow(changed.from, changed.to)],
      ...Object.entries(aspects).map(([aspect, count]) => [`  ${aspect}`, `${count}`, '']),
    ],
  );
}

function arrow(from: number, to: number): string {
  return `${formatBytes(from)} -> ${formatBytes(to)}`;
}

const letters = { added: 'A', removed: 'D', changed: 'C' } as const;

function lineOf({ difference, below }: Folded): string {
  const details = detailsOf(difference);
  if (below) details.push(belowText(difference, below));
  const { change, path } = difference;
  return `${letters[change]} ${printable(path)}  ${printable(details.join(', '))}\n`;
}

function belowText(difference: Difference, { paths, bytes }: Total): string {
  const counted = `${formatCount(paths, 'path')} below it`;
  const verb = difference.change === 'changed' && goneOrCome(difference);
  return `${counted}${verb ? ` ${verb}` : ''}, ${formatBytes(bytes)}`;
}

function goneOrCome({ before }: Changed): string {
  return before.kind === 'directory' ? 'removed' : 'added';
}

function detailsOf(difference: Difference): string[] {
  switch (difference.change) {
    case 'added':
      return [nodeText(difference.after)];
    case 'removed':
      return [nodeText(difference.before)];
    case 'changed':
      return difference.aspects.flatMap((aspect) => aspectText(aspect, difference) ?? []);
  }
}

/** A node in a few words. */
export function nodeText(node: Node): string {
  switch (node.kind) {
    case 'file':
      return formatBytes(node.content.size);
    case 'directory':
      return 'folder';
    case 'symlink':
      return `link to ${node.target}`;
    case 'special': {
      const { type, major, minor } = node;
      return type === 'fifo' ? type : `${type} device ${major}, ${minor}`;
    }
  }
}

/** What is different, in a few words; undefined where another aspect tells it. */
export function aspectText(
  aspect: Aspect,
  changed: Omit<Changed, 'change' | 'path'>,
): string | undefined {
  const { before, after, aspects, links } = changed;
  switch (aspect) {
    case 'kind':
      return `${describedKind(before)} -> ${describedKind(after)}`;
    case 'size':
      return aspects.includes('content') ? undefined : `size ${sizesText(before, after)}`;
    case 'content':
      return aspects.includes('size') ? `content ${sizesText(before, after)}` : 'content';
    case 'target':
    case 'device':
      return `${nodeText(before)} -> ${nodeText(after)}`;
    case 'mode':
      return `mode ${octal(before.mode)} -> ${octal(after.mode)}`;
    case 'owner':
      return `owner ${before.uid}:${before.gid} -> ${after.uid}:${after.gid}`;
    case 'mtime':
      return `mtime ${isoTime(before.mtime)} -> ${isoTime(after.mtime)}`;
    case 'xattrs':
      return `xattrs ${differingXattrs(before, after).join(' ')}`;
    case 'links':
      return `${linkText(links?.before)} -> ${linkText(links?.after)}`;
  }
}

function describedKind(node: Node): string {
  return node.kind === 'file' || node.kind === 'directory' ? kindOf(node) : nodeText(node);
}

/** To the byte: a small change must show. */
function sizesText(before: Node, after: Node): string {
  const size = (node: Node) => (node.kind === 'file' ? node.content.size : 0);
  return `${size(before)} -> ${size(after)} bytes`;
}

function linkText(path: string | undefined): string {
  return path === undefined ? 'a file of its own' : `the same file as ${path}`;
}
