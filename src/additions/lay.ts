import type { DiffID, Digest, Store } from '../../store/index.ts';
import { type PackEntry, withFoldersAbove } from '../dotnet/pack.ts';
import { packTar } from '../dotnet/pack-tar.ts';
import { ConvertError } from '../error.ts';
import { layOver } from '../osv/lay-over.ts';
import type { PullOptions } from '../pull/pull.ts';
import type { OpenLayers } from '../tree/open-layers.ts';
import type { Node, Tree } from '../tree/tree.ts';
import type { HostAddition, ImageAddition } from './addition.ts';
import { type PlannedAddition, planHostAddition } from './host.ts';
import { findImageAdditions } from './image.ts';

/** What a user adds to an image, who knows better than the image. */
export interface Additions {
  readonly add?: readonly HostAddition[];
  readonly copyFrom?: readonly ImageAddition[];
}

/** Where something that was added comes from, in words that are the same on every machine. */
export type AdditionRecord =
  | { readonly from: 'host'; readonly path: string; readonly layer: DiffID }
  | {
      readonly from: 'image';
      readonly path: string;
      readonly name: string;
      readonly manifest: Digest;
    };

/** A tree with what was added. */
export interface Enlarged {
  readonly tree: Tree;
  /** Every file, link and empty folder that was added: absolute, free of links in its parents. */
  readonly added: ReadonlySet<string>;
  /** In the order in which it was done. */
  readonly records: readonly AdditionRecord[];
}

/**
 * Lays files of other images, then files of this host, over what an image has. Those of the host are
 * packed into one layer, which is the same wherever the files are the same.
 * @throws ConvertError `ROOT_CONFLICT` for a file over a folder, a folder over a file, and where OSv has
 * something of its own; `USAGE` and `PATH_NOT_FOUND` as the planning of each; StoreError.
 */
export async function layAdditions(
  store: Store,
  open: OpenLayers,
  base: Tree,
  { add = [], copyFrom = [], ...options }: Additions & PullOptions,
): Promise<Enlarged> {
  const added = new Set<string>();
  const records: AdditionRecord[] = [];
  let tree = base;
  const lay = (path: string, node: Node): void => {
    const laid = layOver(tree, path, node);
    tree = laid.tree;
    for (const one of laid.paths) added.add(one);
  };
  for (const { image, path, node } of await findImageAdditions(store, open, copyFrom, options)) {
    lay(path, node);
    const { name, descriptor } = image;
    records.push({ from: 'image', path: path || '/', name, manifest: descriptor.digest });
  }
  const planned = add.map(planHostAddition);
  if (planned.length > 0) {
    const layer = await packAdditions(store, planned, options);
    lay('', (await open.flatten([layer])).root);
    for (const { path } of planned) records.push({ from: 'host', path: path || '/', layer });
  }
  return { tree, added, records };
}

/** One layer of all; where two bring the same file, the later one counts. */
async function packAdditions(
  store: Store,
  planned: readonly PlannedAddition[],
  { onEvent, signal }: PullOptions,
): Promise<DiffID> {
  const leaves = new Map<string, PackEntry>();
  for (const entry of planned.flatMap(({ entries }) => entries)) {
    const before = leaves.get(entry.path);
    if (before !== undefined && (before.kind === 'directory') !== (entry.kind === 'directory')) {
      throw new ConvertError(
        'ROOT_CONFLICT',
        `adding "/${entry.path}": found a ${entry.kind} to go where another --add has a ${before.kind}, wanted one of them`,
      );
    }
    leaves.set(entry.path, entry);
  }
  const entries = withFoldersAbove([...leaves.values()]);
  onEvent?.({
    event: 'stage',
    text: `packing what --add names (${leaves.size} ${leaves.size === 1 ? 'name' : 'names'})`,
  });
  const options = signal === undefined ? {} : { signal };
  const tar = packTar({ entries }, { ...options, failure: changedMeanwhile });
  return (await store.layers.write(tar, options)).diffID;
}

function changedMeanwhile(found: string): ConvertError {
  return new ConvertError('USAGE', `adding files: ${found}, wanted them to stay as they are`, {
    hint: 'run the command again when nothing writes them',
  });
}
