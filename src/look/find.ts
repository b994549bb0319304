import type { Node } from '../tree/tree.ts';
import { type Visited, walkFrom } from '../tree/walk.ts';
import { type Criteria, compileCriteria } from './criteria.ts';
import { requirePath } from './found.ts';
import type { View } from './view.ts';

export interface FindOptions {
  /** Steps below each of the paths; 0 is the path alone. */
  readonly maxDepth?: number;
  /** How many names a node has. */
  readonly linksOf: (node: Node) => number;
}

/**
 * Every node at and below `paths` (links followed) that meets all criteria, each folder before what it
 * holds, names in the order of their bytes.
 * @throws ConvertError `PATH_NOT_FOUND`, before anything is found; `USAGE` as `compileCriteria`.
 */
export function* find(
  view: View,
  paths: readonly string[],
  criteria: Criteria,
  { maxDepth, linksOf }: FindOptions,
): Generator<Visited, void, undefined> {
  const test = compileCriteria(view, criteria, linksOf);
  for (const start of paths.map((path) => requirePath(view, path))) {
    for (const visited of walkFrom(start, maxDepth)) if (test(visited)) yield visited;
  }
}
