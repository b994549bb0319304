import type { Tree } from '../../tree/tree.ts';
import { walkTree } from '../../tree/walk.ts';
import { matcherOf } from './glob.ts';

/** Those of `globs` that match nothing in `tree`, and are mistyped most likely; in their order. */
export function unmatchedGlobs(tree: Tree, globs: readonly string[]): readonly string[] {
  const left = new Map(globs.map((glob) => [glob, matcherOf([glob])]));
  for (const { path } of walkTree(tree)) {
    if (left.size === 0) break;
    for (const [glob, matches] of left) if (matches(path)) left.delete(glob);
  }
  return [...left.keys()];
}
