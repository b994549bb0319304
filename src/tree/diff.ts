import type { Pair } from './pairs.ts';
import type { Attributes, FileNode, Node, SpecialNode } from './tree.ts';

/** In what two nodes of one path can differ. Of nodes of different kinds nothing else is compared. */
export const aspects = [
  'kind',
  'size',
  'content',
  'target',
  'device',
  'mode',
  'owner',
  'mtime',
  'xattrs',
  'links',
] as const;

export type Aspect = (typeof aspects)[number];

/** A path that two trees do not agree on. */
export type Difference =
  | { readonly change: 'added'; readonly path: string; readonly after: Node }
  | { readonly change: 'removed'; readonly path: string; readonly before: Node }
  | Changed;

export interface Changed {
  readonly change: 'changed';
  readonly path: string;
  readonly before: Node;
  readonly after: Node;
  /** In the order of `aspects`, at least one. */
  readonly aspects: readonly Aspect[];
  /** Where `links` differ: the first of the paths in both trees that are the same file as this one. */
  readonly links?: Links;
}

export interface Links {
  readonly before?: string;
  readonly after?: string;
}

/**
 * Compares the pairs of one `walkPairs`, in their order, in what `wanted` names; the kind always counts.
 * Linear in the nodes of both trees.
 *
 * - A path is the same file as others in one tree and not in the other: `links`. Only paths that both
 *   trees have count, so that a name that comes or goes is one difference, its own.
 * - Permissions of symbolic links mean nothing to Linux and are not compared.
 * - Contents are read only where nothing else tells: equal sizes, and a digest that is not known.
 *
 * @returns what compares a pair, undefined where both are equal; it throws what the making of a digest
 * throws.
 */
export function createComparison(
  wanted: readonly Aspect[],
): (pair: Pair) => Difference | undefined {
  const linksOf = wanted.includes('links') ? createLinks() : () => undefined;
  return ({ path, before, after }) => {
    if (!before) return after && { change: 'added', path, after };
    if (!after) return { change: 'removed', path, before };
    const links = linksOf(path, before, after);
    const own = aspectsOf(before, after, wanted);
    if (links) {
      return { change: 'changed', path, before, after, aspects: [...own, 'links'], links };
    }
    return own.length === 0 ? undefined : { change: 'changed', path, before, after, aspects: own };
  };
}

/** In which of `wanted` two nodes differ, in that order; `kind` alone where they are of different kinds. */
export function aspectsOf(before: Node, after: Node, wanted: readonly Aspect[]): readonly Aspect[] {
  if (kindOf(before) !== kindOf(after)) return ['kind'];
  return wanted.filter((aspect) => differs(aspect, before, after));
}

/** Of two nodes of one kind. */
function differs(aspect: Aspect, before: Node, after: Node): boolean {
  switch (aspect) {
    case 'size':
      return before.kind === 'file' && after.kind === 'file' && !isSameSize(before, after);
    case 'content':
      return before.kind === 'file' && after.kind === 'file' && !isSameContent(before, after);
    case 'target':
      return (
        before.kind === 'symlink' && after.kind === 'symlink' && before.target !== after.target
      );
    case 'device':
      return before.kind === 'special' && after.kind === 'special' && !isSameDevice(before, after);
    case 'mode':
      return before.kind !== 'symlink' && before.mode !== after.mode;
    case 'owner':
      return before.uid !== after.uid || before.gid !== after.gid;
    case 'mtime':
      return before.mtime !== after.mtime;
    case 'xattrs':
      return differingXattrs(before, after).length > 0;
    case 'kind':
    case 'links':
      return false;
  }
}

function isSameSize(before: FileNode, after: FileNode): boolean {
  return before.content.size === after.content.size;
}

function isSameContent(before: FileNode, after: FileNode): boolean {
  const [old, now] = [before.content, after.content];
  if (old === now) return true;
  return old.size === now.size && (old.size === 0 || old.digest === now.digest);
}

/** The numbers of a pipe mean nothing. */
function isSameDevice(before: SpecialNode, after: SpecialNode): boolean {
  if (before.type === 'fifo') return true;
  return before.major === after.major && before.minor === after.minor;
}

/** Devices and pipes differ in kind too. */
function kindOf(node: Node): string {
  return node.kind === 'special' ? node.type : node.kind;
}

const noXattrs: NonNullable<Attributes['xattrs']> = {};

/** The names of extended attributes that only one of both has, or with another value; sorted. */
export function differingXattrs(
  { xattrs: before = noXattrs }: Attributes,
  { xattrs: after = noXattrs }: Attributes,
): readonly string[] {
  if (before === after) return [];
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].filter((name) => before[name] !== after[name]).sort();
}

/**
 * Tells for the paths of two trees, in the order of the walk, whether they are the same file as others:
 * by the first path that was one with it on either side. Undefined where both sides agree.
 */
function createLinks(): (path: string, before: Node, after: Node) => Links | undefined {
  const firstBefore = new Map<Node, string>();
  const firstAfter = new Map<Node, string>();
  return (path, before, after) => {
    if (before.kind === 'directory' || kindOf(before) !== kindOf(after)) return undefined;
    const old = firstOf(firstBefore, before, path);
    const now = firstOf(firstAfter, after, path);
    if (old === now) return undefined;
    return { ...(old !== path && { before: old }), ...(now !== path && { after: now }) };
  };
}

function firstOf(first: Map<Node, string>, node: Node, path: string): string {
  const known = first.get(node);
  if (known === undefined) first.set(node, path);
  return known ?? path;
}
