import { decodeName, encodeName } from '../../store/index.ts';
import { ConvertError } from '../error.ts';
import { type Found, lookup } from '../tree/lookup.ts';
import type { Tree } from '../tree/tree.ts';
import type { View } from './view.ts';

type Place = Pick<View, 'name' | 'kind' | 'tree'>;

/**
 * What `path` names in a view, links followed inside it; with `follow: false` a link at the very end is
 * itself meant. A name that cannot be typed may be given as it is printed, with `\xHH` for a byte and
 * `\uHHHH` for a character: that counts where nothing has the name as it was typed.
 *
 * @throws ConvertError `PATH_NOT_FOUND`.
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
  { tree }: Pick<View, 'tree'>,
  path: string,
  options: { readonly follow?: boolean } = {},
): Found | undefined {
  return lookup(tree, path, options) ?? lookup(tree, unescaped(path), options);
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
    `looking for ${JSON.stringify(path)} in ${view.name}: found ${found}, wanted ${wanted}`,
    { hint: `osv-convert ls ${shellWord(subjectOf(view))} ${shellWord(folder)}` },
  );
}

/** What a command takes to open the same view again. */
function subjectOf({ name, kind }: Place): string {
  return kind === 'layer' ? `layer:${name}` : name;
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
  const quoted = JSON.stringify(place.path);
  if (place.node.kind !== 'directory') {
    const folder = place.path.slice(0, place.path.lastIndexOf('/')) || '/';
    return { folder, found: `no folder at ${quoted}`, wanted: 'one' };
  }
  const folder = place.path;
  const node = place.node.entries.get(name);
  if (node?.kind === 'symlink') {
    const found = `${JSON.stringify(name)} in ${quoted} to be a link to ${JSON.stringify(node.target)}`;
    return { folder, found: `${found}, which leads nowhere`, wanted: 'one that leads on' };
  }
  return { folder, found: `no ${JSON.stringify(name)} in ${quoted}`, wanted: 'a name it has' };
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

/** A name of an image must be a word and do nothing when the hint is pasted into a shell. */
function shellWord(text: string): string {
  return /^[\w./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
