import type { LayerIndex } from '../../store/index.ts';
import { type Counts, countPairs } from './counts.ts';
import { impliedAttributes } from './draft.ts';
import { flattenEach } from './flatten.ts';
import { directory } from './nodes.ts';
import { walkPairs } from './pairs.ts';
import { createPathHistory, type PathHistory } from './path-history.ts';
import type { Tree } from './tree.ts';
import { createWaste, type WastedPath } from './waste.ts';

/** How the layers of an image made its tree. Layers are numbered from 1, the lowest. */
export interface History {
  /** Lowest first. */
  readonly layers: readonly LayerEffect[];
  /** Most bytes first. */
  readonly waste: readonly WastedPath[];
  /** In the order they were asked for. */
  readonly paths: readonly PathHistory[];
  /** What `flatten` gives. */
  readonly tree: Tree;
}

/** What a layer did to the tree that the layers below it make. */
export interface LayerEffect extends Counts {
  /** Files in its tar. */
  readonly files: number;
  /** Bytes of them, as the tar stores them: without holes. */
  readonly bytes: number;
  /** Those of the bytes that no path of the whole image leads to. */
  readonly wasted: number;
}

/**
 * Follows `flatten` layer by layer. A content counts once, however many names it has, and is wasted when
 * none of them is left at the end; markers have none. Linear in the entries of all layers, and in the
 * names of the folders that each layer touches.
 *
 * @throws ConvertError as `flatten` does.
 */
export function historyOf(layers: readonly LayerIndex[], paths: readonly string[] = []): History {
  const waste = createWaste();
  const followed = paths.map((path) => createPathHistory(layers, path));
  const counted: Counts[] = [];
  let tree: Tree = { root: directory(new Map(), impliedAttributes) };
  for (const next of flattenEach(layers)) {
    const number = counted.length + 1;
    const top = { path: '/', before: tree.root, after: next.root };
    counted.push(countPairs(waste.watch(walkPairs(top, { skipSame: true }), number)));
    for (const { apply } of followed) apply(tree, next, number);
    tree = next;
  }
  const { perLayer, paths: wastedPaths } = waste.end(layers, tree);
  const effects = counted.flatMap((counts, at) => {
    const own = perLayer[at];
    return own ? [{ ...counts, ...own }] : [];
  });
  return { layers: effects, waste: wastedPaths, paths: followed.map(({ end }) => end()), tree };
}
