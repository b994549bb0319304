import type { Found } from '../tree/lookup.ts';
import type { Node } from '../tree/tree.ts';
import { sortedEntries, walkFrom } from '../tree/walk.ts';
import { requirePath } from './found.ts';
import type { View } from './view.ts';

export interface ListOptions {
  /** The folders in folders, too. */
  readonly recursive?: boolean;
  /** Folders like files: themselves, not what they hold. */
  readonly itself?: boolean;
  /** Follows links that are named; those to folders then show what the folder holds. */
  readonly follow?: boolean;
}

/** Nodes that are shown together. */
export interface Listing {
  /** The folder they are in; absent for those that were named themselves. */
  readonly folder?: string;
  readonly nodes: readonly ListedNode[];
}

export interface ListedNode {
  /** In its folder; or as it was given. */
  readonly name: string;
  readonly path: string;
  readonly node: Node;
}

/**
 * What `ls` shows of `paths`: first those that are no folders, then folder by folder what they hold,
 * names in the order of their bytes. Nothing is shown when one of the paths is not there.
 * @throws ConvertError `PATH_NOT_FOUND`.
 */
export function* listPaths(
  view: View,
  paths: readonly string[],
  options: ListOptions,
): Generator<Listing, void, undefined> {
  const named: ListedNode[] = [];
  const folders: Found[] = [];
  for (const name of paths) {
    const found = requirePath(view, name, { follow: options.follow ?? true });
    if (found.node.kind === 'directory' && !options.itself) folders.push(found);
    else named.push({ name, ...found });
  }
  if (named.length > 0) yield { nodes: named };
  for (const folder of folders) {
    for (const { path, node } of walkFrom(folder, options.recursive ? undefined : 0)) {
      if (node.kind !== 'directory') continue;
      const prefix = path === '/' ? '/' : `${path}/`;
      const nodes = sortedEntries(node).map(([name, node]) => ({
        name,
        path: prefix + name,
        node,
      }));
      yield { folder: path, nodes };
    }
  }
}
