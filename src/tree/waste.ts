import { compareNames, type DiffID, type Entry, type LayerIndex } from '../../store/index.ts';
import type { Pair } from './pairs.ts';
import type { Content, Tree } from './tree.ts';
import { walkTree } from './walk.ts';

/** Contents under one path that nobody sees in the end. */
export interface WastedPath {
  /** The last name they had; that in the tar where the tar itself brings something else later. */
  readonly path: string;
  /** Of all of them, as their tars store them. */
  readonly bytes: number;
  /** Lowest layer first. */
  readonly copies: readonly WastedCopy[];
}

export interface WastedCopy {
  /** The layer that has the bytes, from 1. */
  readonly layer: number;
  readonly bytes: number;
  /** The layer that put something in the place of the last name, or removed it. */
  readonly endedBy: number;
  readonly how: 'replaced' | 'removed';
}

/** Files of a layer; see `LayerEffect`. */
export interface LayerFiles {
  readonly files: number;
  readonly bytes: number;
  readonly wasted: number;
}

type End = Pick<WastedCopy, 'endedBy' | 'how'> & { readonly path: string };

/** Finds out which contents of layers are seen in the tree that they make, and what ended the others. */
export function createWaste() {
  const ends = createPlaces<End>();

  /** The pairs as they are: the paths at which layer `number` put another node, or none. */
  function* watch(pairs: Iterable<Pair>, number: number): Generator<Pair, void, undefined> {
    for (const pair of pairs) {
      const { path, before, after } = pair;
      if (before?.kind === 'file') {
        ends.set(before.content, { path, endedBy: number, how: after ? 'replaced' : 'removed' });
      }
      yield pair;
    }
  }

  function end(
    layers: readonly LayerIndex[],
    tree: Tree,
  ): { readonly perLayer: readonly LayerFiles[]; readonly paths: readonly WastedPath[] } {
    const seen = contentsIn(tree);
    const copies = new Map<string, WastedCopy[]>();
    const perLayer = layers.map(({ diffID, entries }, at) => {
      const total = { files: 0, bytes: 0, wasted: 0 };
      for (const entry of entries) {
        if (entry.kind !== 'file') continue;
        const bytes = storedSize(entry);
        total.files += 1;
        total.bytes += bytes;
        if (bytes === 0 || seen.get(diffID, entry.offset)) continue;
        total.wasted += bytes;
        const own = { path: `/${entry.path}`, endedBy: at + 1, how: 'replaced' } as const;
        const { path, endedBy, how } = ends.get(diffID, entry.offset) ?? own;
        const others = copies.get(path) ?? [];
        others.push({ layer: at + 1, bytes, endedBy, how });
        copies.set(path, others);
      }
      return total;
    });
    return { perLayer, paths: sorted(copies) };
  }

  return { watch, end };
}

/** Values by where in which layer a content begins: a place that no two files share. */
function createPlaces<T>() {
  const byLayer = new Map<DiffID, Map<number, T>>();
  return {
    get: (layer: DiffID, offset: number): T | undefined => byLayer.get(layer)?.get(offset),
    set(content: Content, value: T): void {
      if (content.kind !== 'layer') return;
      const places = byLayer.get(content.layer) ?? new Map<number, T>();
      byLayer.set(content.layer, places.set(content.offset, value));
    },
  };
}

function contentsIn(tree: Tree) {
  const seen = createPlaces<true>();
  for (const { node } of walkTree(tree)) {
    if (node.kind === 'file') seen.set(node.content, true);
  }
  return seen;
}

function storedSize({ size, extents }: Extract<Entry, { kind: 'file' }>): number {
  return extents ? extents.reduce((sum, { length }) => sum + length, 0) : size;
}

function sorted(copies: ReadonlyMap<string, readonly WastedCopy[]>): readonly WastedPath[] {
  return [...copies]
    .map(([path, copies]) => ({
      path,
      bytes: copies.reduce((sum, { bytes }) => sum + bytes, 0),
      copies,
    }))
    .sort((a, b) => b.bytes - a.bytes || compareNames(a.path, b.path));
}
