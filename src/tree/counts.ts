import { type Aspect, aspects, aspectsOf } from './diff.ts';
import type { Pair } from './pairs.ts';

/** Paths that are not as they were. What a layer brings as it was before is none of them. */
export interface Counts {
  readonly added: number;
  readonly changed: number;
  readonly removed: number;
}

/** All but what is no property of a path alone. */
export const pathAspects: readonly Aspect[] = aspects.filter((one) => one !== 'links');

export function countPairs(pairs: Iterable<Pair>): Counts {
  const counts = { added: 0, changed: 0, removed: 0 };
  for (const { before, after } of pairs) {
    if (!before) counts.added += 1;
    else if (!after) counts.removed += 1;
    else if (aspectsOf(before, after, pathAspects).length > 0) counts.changed += 1;
  }
  return counts;
}
