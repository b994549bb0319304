import type { Entry, EntryPath, FileEntry, LayerIndex } from '../../store/index.ts';
import { ConvertError } from '../error.ts';
import {
  type DraftFolder,
  draftFolder,
  freeze,
  hide,
  hideBelow,
  impliedAttributes,
  isFolder,
  type LeafNode,
} from './draft.ts';
import { createLinkBudget } from './link-budget.ts';
import { type Link, resolvePath } from './resolve.ts';
import type { Attributes, Content, Tree } from './tree.ts';

/** Half of Linux's PATH_MAX: no deeper folder can be named. Links could else build depth without end. */
const maxDepth = 2048;

/** A tree that layers are being merged into. */
interface Merge {
  readonly root: DraftFolder;
  /** Is told the target of each link that is followed. */
  readonly onLink: (target: string) => void;
}

/** What is being applied to which tree. `number` counts layers from the lowest. */
interface Step extends Merge {
  readonly layer: LayerIndex;
  readonly number: number;
  readonly entry: Entry;
  readonly last: LastParent;
}

/** The folder of the entry before, which mostly is that of the next: forgotten when a name changes its meaning. */
interface LastParent {
  path: EntryPath | undefined;
  folder: DraftFolder | undefined;
}

/**
 * Merges layers, lowest first (OCI image-spec, layer.md "Applying Changesets"). Where the spec is silent:
 *
 * - Entries apply in the order of the tar; of a path named twice the last counts, and two directories
 *   merge into one that has the attributes of the later.
 * - Whiteouts and opaque markers hide lower layers only, wherever they stand in their own. A folder that
 *   is hidden but holds entries of the hiding layer remains as if nothing had described it.
 * - Links in the parents of a path are followed inside the root, as containerd does (fs.RootPath); missing
 *   parents are made, mode 0755. A file of a lower layer in a parent's place gives way to a folder; one of
 *   the same layer is an error.
 * - A hard link means what its target is at that moment, in its own layer or a lower one, and keeps meaning
 *   it when the target's name is later replaced or hidden. It shares the node; attributes in its header are
 *   not applied. A target that only a later entry brings is an error: POSIX (pax, "linkname") speaks of
 *   files archived before, and no extractor takes it otherwise.
 *
 * @throws ConvertError `LAYER_CORRUPT` for a hard link without target, a root that is no directory and
 * parents that cannot be; `LAYER_LIMIT` for folders nested deeper than 2048, and as `createLinkBudget`.
 */
export function flatten(layers: readonly LayerIndex[]): Tree {
  const merge = beginMerge(layers);
  for (const [number, layer] of layers.entries()) applyLayer(merge, layer, number);
  return { root: freeze(merge.root) };
}

/**
 * The tree after each layer, lowest first; the last is what `flatten` gives. Folders in which a layer
 * touches nothing are the same nodes before and after it, and so are leaves that it does not bring.
 * @throws ConvertError as `flatten` does, at the layer in question.
 */
export function* flattenEach(layers: readonly LayerIndex[]): Generator<Tree, void, undefined> {
  const merge = beginMerge(layers);
  for (const [number, layer] of layers.entries()) {
    applyLayer(merge, layer, number);
    yield { root: freeze(merge.root) };
  }
}

function beginMerge(layers: readonly LayerIndex[]): Merge {
  const count = layers.reduce((sum, { entries }) => sum + entries.length, 0);
  return { root: draftFolder(impliedAttributes, -1, 0), onLink: createLinkBudget(count) };
}

function applyLayer({ root, onLink }: Merge, layer: LayerIndex, number: number): void {
  const last: LastParent = { path: undefined, folder: undefined };
  for (const entry of layer.entries) apply({ root, onLink, layer, number, entry, last });
}

function apply(step: Step): void {
  const { number, entry, last } = step;
  if (entry.kind === 'whiteout' || entry.kind === 'opaque') last.path = undefined;
  if (entry.path === '') {
    applyToRoot(step);
    return;
  }
  const { parent, name } = split(entry.path);
  switch (entry.kind) {
    case 'whiteout': {
      const folder = existingFolder(step, parent);
      if (folder) hide(folder, name, number);
      return;
    }
    case 'opaque': {
      const folder = existingFolder(step, entry.path);
      if (folder) hideBelow(folder, number);
      return;
    }
    case 'directory': {
      const folder = parentOf(step, parent);
      const existing = folder.names.get(name);
      if (existing && isFolder(existing)) {
        describe(existing, entry, number);
        return;
      }
      if (existing) last.path = undefined;
      addFolder(step, folder, name, attributesOf(entry));
      return;
    }
    default: {
      const node =
        entry.kind === 'hardlink' ? linked(step, entry.target) : leafOf(entry, step.layer);
      const { names } = parentOf(step, parent);
      if (names.has(name)) last.path = undefined;
      names.set(name, { node, layer: number });
    }
  }
}

function applyToRoot(step: Step): void {
  const { root, number, entry } = step;
  if (entry.kind === 'directory') describe(root, entry, number);
  else if (entry.kind === 'opaque') hideBelow(root, number);
  else throw corrupt(step, `found a ${entry.kind} as the root, wanted a directory`);
}

function describe(folder: DraftFolder, attributes: Attributes, number: number): void {
  folder.attributes = attributesOf(attributes);
  folder.layer = number;
  folder.frozen = undefined;
}

/** The folder at `path`, links followed. All on the way to it counts as touched. */
function existingFolder({ root, onLink }: Merge, path: EntryPath): DraftFolder | undefined {
  const steps = resolvePath(root, path, (folder, name) => {
    folder.frozen = undefined;
    const draft = folder.names.get(name);
    if (!draft || isFolder(draft)) return draft;
    return draft.node.kind === 'symlink' ? linkTo(draft.node.target, onLink) : undefined;
  });
  const end = steps?.at(-1)?.node;
  if (end) end.frozen = undefined;
  return end;
}

function linkTo(target: string, onLink: Merge['onLink']): Link {
  onLink(target);
  return { link: target };
}

function parentOf(step: Step, path: EntryPath): DraftFolder {
  const { last } = step;
  if (last.folder === undefined || last.path !== path) last.folder = parentFolder(step, path);
  last.path = path;
  return last.folder;
}

/** The folder at `path`, links followed, made where it is missing. All on the way counts as touched. */
function parentFolder(step: Step, path: EntryPath): DraftFolder {
  const steps = resolvePath(step.root, path, (folder, name) => {
    folder.frozen = undefined;
    const draft = folder.names.get(name);
    if (draft && isFolder(draft)) return draft;
    if (draft?.node.kind === 'symlink') return linkTo(draft.node.target, step.onLink);
    if (draft?.layer === step.number) return undefined;
    return addFolder(step, folder, name, impliedAttributes);
  });
  const end = steps?.at(-1)?.node;
  if (end) {
    end.frozen = undefined;
    return end;
  }
  throw corrupt(
    step,
    `found a file of the same layer, or links without end, in its parent ${JSON.stringify(path)}, ` +
      'wanted a directory',
  );
}

function addFolder(
  step: Step,
  parent: DraftFolder,
  name: string,
  attributes: Attributes,
): DraftFolder {
  if (parent.depth === maxDepth) {
    throw new ConvertError(
      'LAYER_LIMIT',
      `flattening layer ${step.layer.diffID}: found more than ${maxDepth} folders one in another at ` +
        `${JSON.stringify(step.entry.path.slice(-160))}, wanted at most ${maxDepth}`,
    );
  }
  const folder = draftFolder(attributes, step.number, parent.depth + 1);
  parent.names.set(name, folder);
  return folder;
}

function linked(step: Step, target: EntryPath): LeafNode {
  const { parent, name } = split(target);
  const draft = existingFolder(step, parent)?.names.get(name);
  if (draft && !isFolder(draft)) return draft.node;
  throw corrupt(
    step,
    `found a hard link to ${JSON.stringify(target)}, which is ${draft ? 'a directory' : 'not there'}, ` +
      'wanted a file of a lower layer or before it in this one',
  );
}

function leafOf(
  entry: Extract<Entry, { kind: 'file' | 'symlink' | 'special' }>,
  layer: LayerIndex,
): LeafNode {
  const attributes = attributesOf(entry);
  switch (entry.kind) {
    case 'file':
      return { kind: 'file', ...attributes, content: contentOf(entry, layer) };
    case 'symlink':
      return { kind: 'symlink', ...attributes, target: entry.target };
    case 'special': {
      const { type, major, minor } = entry;
      return { kind: 'special', ...attributes, type, major, minor };
    }
  }
}

function contentOf(entry: FileEntry, layer: LayerIndex): Content {
  const { offset, size, digest, extents } = entry;
  const content: Content = { kind: 'layer', layer: layer.diffID, offset, size, digest };
  return extents ? { ...content, extents } : content;
}

function attributesOf({ mode, uid, gid, mtime, xattrs }: Attributes): Attributes {
  return xattrs ? { mode, uid, gid, mtime, xattrs } : { mode, uid, gid, mtime };
}

function split(path: EntryPath): { readonly parent: EntryPath; readonly name: string } {
  const slash = path.lastIndexOf('/');
  return { parent: path.slice(0, Math.max(slash, 0)), name: path.slice(slash + 1) };
}

function corrupt(step: Step, what: string): ConvertError {
  return new ConvertError(
    'LAYER_CORRUPT',
    `flattening layer ${step.layer.diffID}: at ${JSON.stringify(step.entry.path)} ${what}`,
  );
}
