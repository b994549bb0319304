import { ConvertError } from '../error.ts';
import type { Node } from '../tree/tree.ts';
import type { Visited } from '../tree/walk.ts';
import { unescaped } from './found.ts';
import { compileGlob } from './glob.ts';
import { letterOf } from './mode-text.ts';
import { sizeOf } from './node-summary.ts';
import type { View } from './view.ts';

/** What `find` looks for: nodes of which all that is given here is true. */
export interface Criteria {
  /** Pattern of the last name of a path. */
  readonly name?: string;
  /** Pattern of a whole path. */
  readonly path?: string;
  /** Letters as find(1) has them: f, d, l, c, b, p. */
  readonly type?: readonly string[];
  /** In bytes; of files and links. */
  readonly size?: Range;
  readonly perm?: { readonly want: 'exactly' | 'all' | 'any'; readonly bits: number };
  readonly uid?: Range;
  readonly gid?: Range;
  readonly links?: Range;
  /** Seconds since 1970. */
  readonly newerThan?: number;
  readonly olderThan?: number;
  /** Pattern of the name of an extended attribute. */
  readonly xattr?: string;
  /** Beginning of the digest of a file. */
  readonly digest?: string;
  /** Files of no bytes and folders of no names. */
  readonly empty?: boolean;
}

/** Both ends belong to it. */
export interface Range {
  readonly least: number;
  readonly most: number;
}

type Test = (visited: Visited) => boolean;

const attributes = ['perm', 'uid', 'gid', 'newerThan', 'olderThan', 'xattr'] as const;

/**
 * Whether a node meets all `criteria`; the dearest question, that for a digest, comes last.
 * @throws ConvertError `USAGE` for one about attributes of a view that has none.
 */
export function compileCriteria(
  view: View,
  criteria: Criteria,
  linksOf: (node: Node) => number,
): Test {
  const { name, path, type, size, perm, uid, gid, links } = criteria;
  const { newerThan, olderThan, xattr, digest, empty } = criteria;
  if (!view.hasAttributes) refuseAttributes(view, criteria);
  const tests: Test[] = [];
  if (type) tests.push(({ node }) => type.includes(letterOf(node).replace('-', 'f')));
  if (name !== undefined) tests.push(nameTest(compilePattern(name)));
  if (path !== undefined) {
    const matches = compilePattern(path);
    tests.push((visited) => matches(visited.path));
  }
  if (empty) tests.push(({ node }) => isEmpty(node));
  if (size) tests.push(({ node }) => hasSize(node) && isWithin(size, sizeOf(node)));
  if (perm) tests.push(({ node }) => isPermitted(perm, node.mode));
  if (uid) tests.push(({ node }) => isWithin(uid, node.uid));
  if (gid) tests.push(({ node }) => isWithin(gid, node.gid));
  if (newerThan !== undefined) tests.push(({ node }) => node.mtime > newerThan);
  if (olderThan !== undefined) tests.push(({ node }) => node.mtime < olderThan);
  if (xattr !== undefined) tests.push(xattrTest(compilePattern(xattr)));
  if (links) tests.push(({ node }) => isWithin(links, linksOf(node)));
  if (digest !== undefined) {
    tests.push(({ node }) => node.kind === 'file' && node.content.digest.startsWith(digest));
  }
  return (visited) => tests.every((test) => test(visited));
}

function refuseAttributes({ name }: View, criteria: Criteria): void {
  const asked = attributes.find((one) => criteria[one] !== undefined);
  if (asked === undefined) return;
  const option = asked.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new ConvertError(
    'USAGE',
    `finding in ${name}: found --${option}, wanted nothing about modes, owners, times and extended ` +
      'attributes, which a disk does not keep',
  );
}

/** Names may be given as they are printed, as `findPath` takes them. */
function compilePattern(pattern: string): (text: string) => boolean {
  const typed = compileGlob(pattern);
  const meant = unescaped(pattern);
  if (meant === pattern) return typed;
  const printed = compileGlob(meant);
  return (text) => typed(text) || printed(text);
}

function nameTest(matches: (name: string) => boolean): Test {
  return ({ path }) => matches(path.slice(path.lastIndexOf('/') + 1) || '/');
}

function xattrTest(matches: (name: string) => boolean): Test {
  return ({ node }) => Object.keys(node.xattrs ?? {}).some((name) => matches(name));
}

function hasSize({ kind }: Node): boolean {
  return kind === 'file' || kind === 'symlink';
}

function isEmpty(node: Node): boolean {
  if (node.kind === 'directory') return node.entries.size === 0;
  return node.kind === 'file' && node.content.size === 0;
}

function isWithin({ least, most }: Range, value: number): boolean {
  return least <= value && value <= most;
}

function isPermitted({ want, bits }: NonNullable<Criteria['perm']>, mode: number): boolean {
  switch (want) {
    case 'exactly':
      return mode === bits;
    case 'all':
      return (mode & bits) === bits;
    case 'any':
      return bits === 0 || (mode & bits) !== 0;
  }
}
