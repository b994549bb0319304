import type {
  Attributes,
  DirectoryNode,
  FileNode,
  Node,
  SpecialNode,
  SymlinkNode,
} from './tree.ts';

/**
 * A name in a tree that layers are being merged into. `layer` is the number of the last layer that
 * brought it: it belongs to the name, for a hard link brings an old node under a new one.
 */
export type Draft = DraftLeaf | DraftFolder;

export type LeafNode = FileNode | SymlinkNode | SpecialNode;

export interface DraftLeaf {
  readonly node: LeafNode;
  readonly layer: number;
}

export interface DraftFolder {
  readonly names: Map<string, Draft>;
  /** Folders above this one. */
  readonly depth: number;
  attributes: Attributes;
  layer: number;
  /** The layer that last hid what lower layers have below: while it applies, none of that can come back. */
  clearedBy: number;
  /** As it was frozen last, as long as nothing in it was touched since. */
  frozen: DirectoryNode | undefined;
}

/** Attributes of folders that nothing describes. */
export const impliedAttributes: Attributes = { mode: 0o755, uid: 0, gid: 0, mtime: 0 };

export function isFolder(draft: Draft): draft is DraftFolder {
  return 'names' in draft;
}

export function draftFolder(attributes: Attributes, layer: number, depth: number): DraftFolder {
  return { names: new Map(), depth, attributes, layer, clearedBy: layer, frozen: undefined };
}

/**
 * Takes `name` away as far as layers below `layer` brought it. A folder that holds something of `layer`
 * itself remains as if nothing had described it.
 */
export function hide(parent: DraftFolder, name: string, layer: number): void {
  const draft = parent.names.get(name);
  if (!draft) return;
  if (isFolder(draft)) hideBelow(draft, layer);
  if (draft.layer === layer) return;
  if (isFolder(draft) && draft.names.size > 0) draft.attributes = impliedAttributes;
  else parent.names.delete(name);
}

/** Takes away all in `folder` as far as layers below `layer` brought it; linear in a layer's markers. */
export function hideBelow(folder: DraftFolder, layer: number): void {
  if (folder.clearedBy === layer) return;
  folder.clearedBy = layer;
  folder.frozen = undefined;
  for (const name of folder.names.keys()) hide(folder, name, layer);
}

/** What was not touched since it was frozen last is the same node as then. */
export function freeze(folder: DraftFolder): DirectoryNode {
  if (folder.frozen) return folder.frozen;
  const entries = new Map<string, Node>();
  for (const [name, draft] of folder.names) {
    entries.set(name, isFolder(draft) ? freeze(draft) : draft.node);
  }
  folder.frozen = { kind: 'directory', ...folder.attributes, entries };
  return folder.frozen;
}
