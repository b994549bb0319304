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
import { lookup } from '../tree/lookup.ts';
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
  const shown = markers.flatMap((marker) => shownMarker(tree, marker) ?? []);
  return flatten([own, { ...index, entries: shown }]);
}

function shownMarker(
  tree: Tree,
  { kind, path }: WhiteoutEntry | OpaqueEntry,
): SpecialEntry | DirectoryEntry | undefined {
  if (!canHold(tree, kind === 'opaque' ? path : parentOf(path))) return undefined;
  if (kind === 'opaque') return opaqueFolder(tree, path);
  const found = lookup(tree, path, { follow: false });
  if (found) return found.node.kind === 'directory' ? opaqueFolder(tree, path) : undefined;
  const { uid, gid, mtime } = impliedAttributes;
  return { kind: 'special', path, type: 'character', major: 0, minor: 0, mode: 0, uid, gid, mtime };
}

function opaqueFolder(tree: Tree, path: string): DirectoryEntry {
  const found = lookup(tree, path);
  const { mode, uid, gid, mtime, xattrs } = found?.node ?? impliedAttributes;
  return {
    kind: 'directory',
    path: (found?.path ?? path).replace(/^\//, ''),
    ...{ mode, uid, gid, mtime },
    xattrs: { ...xattrs, 'trusted.overlay.opaque': Buffer.from('y').toString('base64') },
  };
}

/** Whether `path` is a folder of the layer, or one that lower layers may have. */
function canHold(tree: Tree, path: string): boolean {
  for (let at = path; ; at = parentOf(at)) {
    const found = lookup(tree, at) ?? lookup(tree, at, { follow: false });
    if (found) return found.node.kind === 'directory';
  }
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf('/'), 0));
}
