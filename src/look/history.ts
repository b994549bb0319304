import type { DiffID, Digest, LayerIndex, Store } from '../../store/index.ts';
import { ConvertError } from '../error.ts';
import { withHealing } from '../pull/heal.ts';
import type { StoredImage } from '../pull/image.ts';
import { obtain, type PullOptions } from '../pull/pull.ts';
import { shellWord } from '../shell-word.ts';
import { type History, historyOf, type LayerEffect } from '../tree/history.ts';
import { withLayers } from '../tree/open-layers.ts';
import type { PathHistory } from '../tree/path-history.ts';
import type { WastedPath } from '../tree/waste.ts';
import { isLayerSubject } from './find-layer.ts';
import { requirePath, requireWord, unescaped } from './found.ts';
import { isFile } from './subject.ts';
import type { View } from './view.ts';

/** How an image came to be, layer by layer. */
export interface ImageHistory {
  readonly reference: string;
  readonly digest: Digest;
  readonly platform: string;
  /** Lowest first. */
  readonly layers: readonly LayerHistory[];
  readonly totals: HistoryTotals;
  /** Most bytes first. */
  readonly waste: readonly WastedPath[];
  /** Those that were asked for, in their order. */
  readonly paths: readonly FollowedPath[];
}

export interface FollowedPath extends PathHistory {
  /** Bytes that nobody sees in the end of what was ever at the path, and below it. */
  readonly wasted: number;
}

export interface LayerHistory extends LayerEffect {
  /** From 1, the lowest. */
  readonly layer: number;
  readonly diffID: DiffID;
  /** Of the blob. */
  readonly digest: Digest;
  /** Bytes of the blob. */
  readonly size: number;
  /** Bytes of the uncompressed tar. */
  readonly unpacked: number;
  /** What the config says made it. */
  readonly createdBy?: string;
}

/** Sums over the layers. */
export type HistoryTotals = Readonly<Record<(typeof summed)[number], number>>;

const summed = ['size', 'unpacked', 'files', 'bytes', 'wasted'] as const;

/**
 * Tells what each layer of an image did, and what became of `paths`: links in the parents of a path are
 * followed, one at its end is itself meant. An image that is not in the store is pulled first. A warning
 * tells of a config whose history is not that of its layers.
 *
 * @throws ConvertError `USAGE` for what is no image, `PATH_NOT_FOUND` for a path that no layer ever had,
 * and what `obtain` and `flatten` throw; StoreError.
 */
export async function history(
  store: Store,
  reference: string,
  paths: readonly string[],
  options: PullOptions,
): Promise<ImageHistory> {
  await requireImage(reference);
  for (const path of paths) requireWord(reference, path);
  const { image, told } = await withHealing(store, options, async () => {
    const image = await obtain(store, reference, options);
    const told = await withLayers(store, async ({ open }) => {
      const indexes: LayerIndex[] = [];
      for (const { diffID } of image.layers) indexes.push(await open(diffID));
      return describe({ ...image, subject: reference }, indexes, paths);
    });
    return { image, told };
  });
  const steps = stepsOf(image).length;
  if (steps > 0 && steps !== image.layers.length) {
    const text =
      `${image.name}: the history in its config is that of ${steps} layers, and it has ` +
      `${image.layers.length}: what made which is not known`;
    options.onEvent?.({ event: 'warning', text });
  }
  return told;
}

/** @throws ConvertError `USAGE`. */
async function requireImage(subject: string): Promise<void> {
  const hint = 'osv-convert images';
  const words = { doing: 'telling the history of', command: 'history', hint };
  const isLayer = isLayerSubject(subject);
  if (!isLayer && !(await isFile(subject, words))) return;
  throw new ConvertError(
    'USAGE',
    `telling the history of ${subject}: found ${isLayer ? 'one layer' : 'a file'}, wanted an image: ` +
      'a reference, oci:DIR[:TAG], oci-archive:FILE, docker-archive:FILE or store:NAME',
    { hint: isLayer ? `osv-convert ls ${shellWord(subject)}` : words.hint },
  );
}

function describe(
  image: StoredImage & Pick<View, 'subject'>,
  indexes: readonly LayerIndex[],
  paths: readonly string[],
): ImageHistory {
  // A name that cannot be typed may be given as it is printed.
  const spelled = paths.flatMap((path) => [path, unescaped(path)]);
  const found = historyOf(indexes, spelled);
  const layers = layersOf(image, indexes, found);
  const sum = (key: (typeof summed)[number]) => layers.reduce((all, layer) => all + layer[key], 0);
  return {
    reference: image.name,
    digest: image.descriptor.digest,
    platform: image.platform,
    layers,
    totals: {
      size: sum('size'),
      unpacked: sum('unpacked'),
      files: sum('files'),
      bytes: sum('bytes'),
      wasted: sum('wasted'),
    },
    waste: found.waste,
    paths: paths.map((path, at) => {
      const spellings = found.paths.slice(2 * at, 2 * at + 2);
      const known = spellings.find(({ events, seen }) => seen || events.length > 0);
      if (known === undefined) {
        requirePath({ ...image, tree: found.tree }, path, { follow: false });
      }
      const told = { path, events: [], ...known };
      return { ...told, wasted: wastedAt(found.waste, told) };
    }),
  };
}

function wastedAt(waste: readonly WastedPath[], { events, seen }: PathHistory): number {
  const places = new Set([...events, ...(seen ? [seen] : [])].map(({ path }) => path));
  const isAt = (path: string) =>
    [...places].some((place) => {
      return path === place || path.startsWith(place === '/' ? place : `${place}/`);
    });
  return waste.reduce((sum, { path, bytes }) => (isAt(path) ? sum + bytes : sum), 0);
}

function layersOf(
  image: StoredImage,
  indexes: readonly LayerIndex[],
  { layers }: History,
): readonly LayerHistory[] {
  const steps = stepsOf(image);
  const isTold = steps.length === image.layers.length;
  return image.layers.flatMap(({ descriptor, diffID }, at) => {
    const [effect, index, createdBy] = [layers[at], indexes[at], isTold ? steps[at] : undefined];
    if (!effect || !index) return [];
    return {
      ...{ layer: at + 1, diffID, digest: descriptor.digest },
      ...{ size: descriptor.size, unpacked: index.size, ...effect },
      ...(createdBy && { createdBy }),
    };
  });
}

/** What made the layers, as the config tells it: steps without a layer are left out. */
function stepsOf({ config }: StoredImage): readonly string[] {
  const steps = (config.history ?? []).filter(({ empty_layer }) => !empty_layer);
  return steps.map(({ created_by }) => created_by ?? '');
}
