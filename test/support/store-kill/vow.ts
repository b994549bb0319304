import type { Digest } from '../../../store/index.ts';

/** The kinds of work that write to a store. */
export const jobNames = [
  'put',
  'write',
  'fetch',
  'ingest',
  'layers.write',
  'refs',
  'hold',
  'leases',
  'gc',
  'repair',
  'import',
  'make',
] as const;

export type JobName = (typeof jobNames)[number];

/** What has to be so once it was said; of a name or a lease, until the next word on it. */
export interface Vow {
  readonly blobs?: readonly Digest[];
  readonly layers?: readonly Digest[];
  readonly names?: Readonly<Record<string, boolean>>;
  readonly leases?: Readonly<Record<string, boolean>>;
}

/** The names that a round of `refs` sets and deletes. */
export function refsOfRound(round: number): readonly [set: string, gone: string] {
  return [`name-${round % 7}`, `name-${(round + 3) % 7}`];
}
