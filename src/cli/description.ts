import { decodeName } from '../../store/index.ts';
import type { NodeDescription } from '../look/stat.ts';
import { isoTime } from '../look/time-text.ts';
import { formatCount, printable } from './format.ts';

type Fact = readonly [name: string, value: string];

/** What `stat` prints of a node: a fact a line. */
export function descriptionText(node: NodeDescription): string {
  const facts: readonly Fact[] = [
    ['path', node.path],
    ['kind', kindText(node)],
    ...attributeFacts(node),
    ...linkFacts(node),
    ...contentFacts(node),
    ...Object.entries(node.xattrs ?? {}).map(xattrFact),
  ];
  return facts.map(([name, value]) => `${name.padEnd(8)} ${printable(value)}\n`).join('');
}

function kindText({ kind, major, minor, entries }: NodeDescription): string {
  if (entries !== undefined) return `${kind}, ${formatCount(entries, 'name')} in it`;
  if (major === undefined || minor === undefined) return kind;
  const hides = kind === 'character' && major === 0 && minor === 0;
  return `${kind} device ${major}, ${minor}${hides ? ' (hides what lower layers have here)' : ''}`;
}

function attributeFacts({ mode, letters, uid, gid, mtime }: NodeDescription): readonly Fact[] {
  if (mode === undefined || letters === undefined || mtime === undefined) return [];
  return [
    ['mode', `${mode} ${letters}`],
    ['owner', `${uid}:${gid}`],
    ['mtime', isoTime(mtime)],
  ];
}

function linkFacts({ links, names = [], target, leadsTo }: NodeDescription): readonly Fact[] {
  const facts: Fact[] = [['links', `${links}`], ...names.map((name): Fact => ['name', name])];
  if (target !== undefined) facts.push(['target', target]);
  if (leadsTo === null) facts.push(['leads to', 'nothing']);
  else if (leadsTo) facts.push(['leads to', `${leadsTo.path} (${leadsTo.kind})`]);
  return facts;
}

function contentFacts({ size, digest, stored }: NodeDescription): readonly Fact[] {
  const facts: Fact[] = [];
  if (size !== undefined) facts.push(['size', formatCount(size, 'byte')]);
  if (digest !== undefined) facts.push(['digest', digest]);
  if (stored?.layer !== undefined) facts.push(['layer', stored.layer]);
  if (stored && stored.extents > 0) facts.push(['offset', `${stored.offset}`]);
  if (stored && stored.size !== size) {
    const runs = formatCount(stored.extents, 'extent');
    facts.push(['stored', `${formatCount(stored.size, 'byte')} in ${runs}; the rest are zeros`]);
  }
  return facts;
}

/** As base64, which says all, and as text. */
function xattrFact([name, value]: [string, string]): Fact {
  return ['xattr', `${name} ${value} "${decodeName(Buffer.from(value, 'base64'))}"`];
}
