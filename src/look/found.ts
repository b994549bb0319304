import { decodeName, encodeName } from '../../store/index.ts';
import { ConvertError } from '../error.ts';
import { shellWord } from '../shell-word.ts';
import { type Found, lookup } from '../tree/lookup.ts';
import type { Tree } from '../tree/tree.ts';
import type { View } from './view.ts';

type Place = Pick<View, 'name' | 'subject' | 'tree'>;

/**
 * What `path` names in a view, links followed inside it; with `follow: false` a link at the very end is
 * itself meant. A name that cannot be typed may be given as it is printed, with `\xHH` for a byte and
 * `\uHHHH` for a character: that counts where nothing has the name as it was typed.
 *
 * @throws ConvertError `PATH_NOT_FOUND`; `USAGE` for no path at all.
 */
export function requirePath(
  view: Place,
  path: string,
  options: { readonly follow?: boolean } = {},
): Found {
  const found = findPath(view, path, options);
  if (found) return found;
  const { folder, found: instead, wanted } = whereItEnds(view.tree, path);
  throw notFound(view, path, folder, instead, wanted);
}

/** As `requirePath`; undefined where nothing is there. */
export function findPath(
  { tree, name }: Pick<View, 'tree' | 'name'>,
  path: string,
  options: { readonly follow?: boolean } = {},
): Found | undefined {
  requireWord(name, path);
  return lookup(tree, path, options) ?? lookup(tree, unescaped(path), options);
}

/**
 * A word that a shell made of nothing must not stand for `/`.
 * @throws ConvertError `USAGE`.
 */
export function requireWord(subject: string, path: string): void {
  if (path !== '') return;
  throw new ConvertError(
    'USAGE',
    `looking in ${subject}: found "" for a path, wanted one such as /`,
  );
}

/** The error of a path that leads to nothing, or to nothing of the kind that is wanted. */
export function notFound(
  view: Place,
  path: string,
  folder: string,
  found: string,
  wanted: string,
): ConvertError {
  return new ConvertError(
    'PATH_NOT_FOUND',
    `looking for ${quoted(path)} in ${view.name}: found ${found}, wanted ${wanted}`,
    { hint: `osv-convert ls ${shellWord(view.subject)} ${shellWord(folder)}` },
  );
}

/** The deepest folder on the way to a path that is not there, and what stands there in the way. */
function whereItEnds(
  tree: Tree,
  path: string,
): { readonly folder: string; readonly found: string; readonly wanted: string } {
  const names = path.split('/');
  const upTo = (end: number) => lookup(tree, names.slice(0, end).join('/'));
  const missing = names.findIndex((_name, at) => !upTo(at + 1));
  const place = upTo(missing) ?? { path: '/', node: tree.root };
  const name = names[missing] ?? '';
  if (place.node.kind !== 'directory') {
    const folder = place.path.slice(0, place.path.lastIndexOf('/')) || '/';
    return { folder, found: `no folder at ${quoted(place.path)}`, wanted: 'one' };
  }
  const folder = place.path;
  const node = place.node.entries.get(name);
  if (node?.kind === 'symlink') {
    const found = `${quoted(name)} in ${quoted(folder)} to be a link to ${quoted(node.target)}`;
    return { folder, found: `${found}, which leads nowhere`, wanted: 'one that leads on' };
  }
  return { folder, found: `no ${quoted(name)} in ${quoted(folder)}`, wanted: 'a name it has' };
}

function quoted(path: string): string {
  return JSON.stringify(path.length > 120 ? `${path.slice(0, 120)}…` : path);
}

/** What is printed of a name, read back. */
export function unescaped(path: string): string {
  const parts = path.split(/\\x([\da-f]{2})/i).map((part, at) => {
    return at % 2 === 0
      ? encodeName(part.replace(/\\u([\da-f]{4})/gi, character))
      : Buffer.from(part, 'hex');
  });
  return decodeName(Buffer.concat(parts));
}

function character(_escape: string, hex: string): string {
  return String.fromCharCode(Number.parseInt(hex, 16));
}
