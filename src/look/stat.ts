import type { DiffID, Digest } from '../../store/index.ts';
import { lookup } from '../tree/lookup.ts';
import type { Content, Node } from '../tree/tree.ts';
import { walkTree } from '../tree/walk.ts';
import { requirePath } from './found.ts';
import { createLinkCount } from './link-count.ts';
import { modeText } from './mode-text.ts';
import { kindOf, type NodeKind, type NodeSummary, summaryOf } from './node-summary.ts';
import type { View } from './view.ts';

/** All that is known of a node; its shape is in `schemas/stat.schema.json`. */
export interface NodeDescription extends NodeSummary {
  /** Kind and mode as ls has them. */
  readonly letters?: string;
  /** Of a file, in any view. */
  readonly digest?: Digest;
  /** Every path of a node that has several, in the order of their bytes. */
  readonly names?: readonly string[];
  /** Extended attributes by name; each value is base64 of its bytes. */
  readonly xattrs?: Readonly<Record<string, string>>;
  /** Names in a folder. */
  readonly entries?: number;
  /** What a link leads to in the end; null for nothing. */
  readonly leadsTo?: { readonly path: string; readonly kind: NodeKind } | null;
  /** Where the bytes of a file lie. */
  readonly stored?: StoredBytes;
}

export interface StoredBytes {
  /** The layer in whose uncompressed tar they lie; absent for those of a disk. */
  readonly layer?: DiffID;
  /** Of the first byte, in that tar or on the disk's file system. */
  readonly offset: number;
  /** Bytes that are there: the rest are holes. */
  readonly size: number;
  /** Runs of them. */
  readonly extents: number;
}

/**
 * Describes what `paths` name, links themselves unless told to `follow` them.
 * @throws ConvertError `PATH_NOT_FOUND`; what reading a file throws, for those of a disk.
 */
export function describePaths(
  view: View,
  paths: readonly string[],
  options: { readonly follow?: boolean } = {},
): readonly NodeDescription[] {
  const linksOf = createLinkCount(view.tree);
  const found = paths.map((path) => requirePath(view, path, { follow: options.follow ?? false }));
  return found.map(({ path, node }) => describe(view, path, node, linksOf(node)));
}

function describe(view: View, path: string, node: Node, links: number): NodeDescription {
  const letters = view.hasAttributes && { letters: modeText(node) };
  const summary = { ...summaryOf(view, path, node, links), ...letters };
  const xattrs = view.hasAttributes && node.xattrs !== undefined && { xattrs: node.xattrs };
  const several = node.kind !== 'directory' && links > 1 && { names: namesOf(view, node) };
  switch (node.kind) {
    case 'file': {
      const { content } = node;
      const stored = storedBytes(content);
      const { digest } = content;
      return { ...summary, digest, ...several, ...xattrs, ...(stored && { stored }) };
    }
    case 'directory':
      return { ...summary, ...xattrs, entries: node.entries.size };
    case 'symlink': {
      const end = lookup(view.tree, path);
      const leadsTo = end ? { path: end.path, kind: kindOf(end.node) } : null;
      return { ...summary, ...several, ...xattrs, leadsTo };
    }
    case 'special':
      return { ...summary, ...several, ...xattrs };
  }
}

function namesOf({ tree }: View, node: Node): readonly string[] {
  return [...walkTree(tree)].filter((visited) => visited.node === node).map(({ path }) => path);
}

function storedBytes(content: Content): StoredBytes | undefined {
  if (content.kind === 'bytes') return undefined;
  const { offset, size } = content;
  if (content.kind === 'access') return { offset, size, extents: size > 0 ? 1 : 0 };
  const { layer, extents } = content;
  if (!extents) return { layer, offset, size, extents: size > 0 ? 1 : 0 };
  const kept = extents.reduce((sum, { length }) => sum + length, 0);
  return { layer, offset, size: kept, extents: extents.length };
}
