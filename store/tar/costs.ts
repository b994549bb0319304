import type { Limits } from '../limits.ts';
import { tarOverLimit } from './error.ts';

/** What the members of one tar cost together. Each call throws `LAYER_LIMIT` above its limit. */
export interface Costs {
  /** A member that begins at `at`, with so many bytes of names, link target and attributes. */
  member(bytes: number, at: number): void;
  /** A sparse map, and the zeros that it stands for. */
  sparse(runs: number, zeros: number, at: number): void;
}

/** Of a run, in the index as in an old GNU map. */
export const runCost = 24;

export function createCosts(limits: Limits): Costs {
  let entries = 0;
  let metadata = 0;
  let holes = 0;

  function charge(bytes: number, at: number): void {
    metadata += bytes;
    if (metadata > limits.metadata) {
      throw tarOverLimit(at, `${metadata} bytes of names and attributes`, limits, 'metadata');
    }
  }

  return {
    member(bytes, at) {
      entries += 1;
      if (entries > limits.entries) {
        throw tarOverLimit(at, `entry number ${entries}`, limits, 'entries');
      }
      charge(bytes, at);
    },
    sparse(runs, zeros, at) {
      charge(runCost * runs, at);
      holes += zeros;
      if (holes > limits.holes) {
        throw tarOverLimit(at, `${holes} bytes of zeros in holes`, limits, 'holes', holes);
      }
    },
  };
}
