import type {
  DirectoryEntry,
  Entry,
  LayerIndex,
  OpaqueEntry,
  SpecialEntry,
  WhiteoutEntry,
} from '../../store/index.ts';
import { impliedAttributes } from '../tree/draft.ts';
import { flatten } from '../tree/flatten.ts';
import { createLinkBudget } from '../tree/link-budget.ts';
import { type Found, lookup } from '../tree/lookup.ts';
import type { Tree } from '../tree/tree.ts';

/**
 * A layer alone, its markers as overlayfs keeps them (Linux, Documentation/filesystems/overlayfs.rst,
 * "whiteouts and opaque directories"): a whiteout is a character device 0,0, an opaque folder has the
 * attribute `trusted.overlay.opaque` = `y`. A name that the layer also brings is what it brings, a
 * folder opaque: that is all a whiteout beside it means. A marker below what is no folder here hides
 * nothing, and is not shown.
 * @throws ConvertError as `flatten`: also where a hard link leads into lower layers.
 */
export function layerTree(index: LayerIndex): Tree {
  const brought: Entry[] = [];
  const markers: (WhiteoutEntry | OpaqueEntry)[] = [];
  for (const entry of index.entries) {
    if (entry.kind === 'whiteout' || entry.kind === 'opaque') markers.push(entry);
    else brought.push(entry);
  }
  const own = { ...index, entries: brought };
  const tree = flatten([own]);
  if (markers.length === 0) return tree;
  const onLink = createLinkBudget(markers.length);
  const find: Find = (path, options) => lookup(tree, path, { ...options, onLink });
  const shown = markers.flatMap((marker) => shownMarker(tree, find, marker) ?? []);
  return flatten([own, { ...index, entries: shown }]);
}

type Find = (path: string, options?: { readonly follow: boolean }) => Found | undefined;

function shownMarker(
  tree: Tree,
  find: Find,
  { kind, path }: WhiteoutEntry | OpaqueEntry,
): SpecialEntry | DirectoryEntry | undefined {
  if (!canHold(tree, find, kind === 'opaque' ? path : parentOf(path))) return undefined;
  if (kind === 'opaque') return opaqueFolder(find, path);
  const found = find(path, { follow: false });
  if (found) return found.node.kind === 'directory' ? opaqueFolder(find, path) : undefined;
  const { uid, gid, mtime } = impliedAttributes;
  return { kind: 'special', path, type: 'character', major: 0, minor: 0, mode: 0, uid, gid, mtime };
}

function opaqueFolder(find: Find, path: string): DirectoryEntry {
  const found = find(path);
  const { mode, uid, gid, mtime, xattrs } = found?.node ?? impliedAttributes;
  return {
    kind: 'directory',
    path: (found?.path ?? path).replace(/^\//, ''),
    ...{ mode, uid, gid, mtime },
    xattrs: { ...xattrs, 'trusted.overlay.opaque': Buffer.from('y').toString('base64') },
  };
}

/** Whether `path` is a folder of the layer, or one that lower layers may have. Linear in its length but for links. */
function canHold({ root }: Tree, find: Find, path: string): boolean {
  let folder = root;
  let end = 0;
  for (const name of path === '' ? [] : path.split('/')) {
    end += name.length + 1;
    const node = folder.entries.get(name);
    if (!node) return true;
    const found = node.kind === 'symlink' ? find(path.slice(0, end - 1))?.node : node;
    if (found?.kind !== 'directory') return false;
    folder = found;
  }
  return true;
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf('/'), 0));
}
