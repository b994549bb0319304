import type { Store } from '../../store/index.ts';
import { type OpenDisk, openDisk } from '../disk/open-disk.ts';
import { ConvertError } from '../error.ts';
import { withHealing } from '../pull/heal.ts';
import { obtain, type PullOptions } from '../pull/pull.ts';
import { readRofs } from '../rofs/read.ts';
import { shellWord } from '../shell-word.ts';
import { type Contents, openContents } from '../tree/contents.ts';
import { withLayers } from '../tree/open-layers.ts';
import type { Tree } from '../tree/tree.ts';
import { findLayer, isLayerSubject } from './find-layer.ts';
import { layerTree } from './layer-tree.ts';
import { isFile } from './subject.ts';

/** A file system that can be looked into, wherever it lies. */
export interface View {
  /** What it is of, in full: an image by its name, a layer by its diffID, a disk by its path. */
  readonly name: string;
  /** As it was asked for: what a command takes to open it again. */
  readonly subject: string;
  readonly kind: 'image' | 'layer' | 'disk';
  readonly tree: Tree;
  readonly contents: Contents;
  /** False where modes, owners, times and extended attributes are not kept, as in ROFS. */
  readonly hasAttributes: boolean;
}

/**
 * Opens what `subject` names for `use`: `layer:DIGEST`, of which the beginning is enough, is a layer of
 * the store; a file on this machine is a disk, or a ROFS alone; all else is an image, which is pulled
 * when the store has it not. Tree and contents can be read until `use` ends, and stay in the store
 * until it is closed.
 *
 *     const size = await withView(store, subject, { ...told, onEvent, signal }, async ({ tree, contents }) => {
 *       const found = lookup(tree, '/etc/passwd');
 *       return found?.node.kind === 'file' ? readFile(contents, found.node, cap).length : 0;
 *     });
 *     await print({ size }, `${size}\n`);
 *
 * Where `use` fails because the store is damaged, and that was mended, `use` is called once more with a
 * new view: it returns its result and leaves printing to its caller. What must go out while it is read,
 * because it is large, is read through once before its first byte goes out: a file of a layer that was
 * read from its first byte to its last has been compared with its digest.
 * @throws ConvertError `USAGE`, `ACCESS_DENIED`, `IMAGE_NOT_FOUND`, `DISK_INVALID`, `DISK_UNSUPPORTED`, `ROFS_INVALID`,
 * and what `obtain` throws; StoreError; what `use` throws.
 */
export async function withView<T>(
  store: Store,
  subject: string,
  options: PullOptions,
  use: (view: View) => Promise<T>,
): Promise<T> {
  if (isLayerSubject(subject)) {
    return await withHealing(store, options, () => useLayer(store, subject, options, use));
  }
  const hint = `osv-convert build REF -o ${shellWord(subject)}`;
  if (await isFile(subject, { doing: 'opening', command: 'ls', hint })) {
    return await useDisk(subject, use);
  }
  return await withHealing(store, options, () => useImage(store, subject, options, use));
}

async function useImage<T>(
  store: Store,
  subject: string,
  options: PullOptions,
  use: (view: View) => Promise<T>,
): Promise<T> {
  const image = await obtain(store, subject, options);
  return await withLayers(store, async ({ flatten, contents }) => {
    const tree = await flatten(image.layers.map(({ diffID }) => diffID));
    const { name } = image;
    return await use({ name, subject, kind: 'image', tree, contents, hasAttributes: true });
  });
}

async function useLayer<T>(
  store: Store,
  subject: string,
  options: PullOptions,
  use: (view: View) => Promise<T>,
): Promise<T> {
  const diffID = await findLayer(store, subject, options);
  return await withLayers(store, async ({ open, contents }) => {
    const tree = layerTree(await open(diffID));
    return await use({ name: diffID, subject, kind: 'layer', tree, contents, hasAttributes: true });
  });
}

async function useDisk<T>(path: string, use: (view: View) => Promise<T>): Promise<T> {
  const disk = await openDisk(path);
  try {
    const tree = treeOn(disk, path);
    const contents = openContents(new Map());
    const bare = { kind: 'disk', hasAttributes: false } as const;
    return await use({ name: path, subject: path, ...bare, tree, contents });
  } finally {
    disk.close();
  }
}

function treeOn({ rofs }: OpenDisk, path: string): Tree {
  try {
    return readRofs(rofs);
  } catch (error) {
    if (!(error instanceof ConvertError) || error.code !== 'ROFS_INVALID') throw error;
    const sentence = `opening ${JSON.stringify(path)}: ${error.message}`;
    throw new ConvertError('ROFS_INVALID', sentence, { cause: error });
  }
}
