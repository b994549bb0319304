import type { Thing } from './thing.ts';

/**
 * `partial`: a blob that came in part. `draft`: a file that a process which died was writing. `lease`:
 * one that has ended. `quarantine`: what was found damaged a week ago or more. The others are what
 * they say.
 */
export type GarbageKind = 'name' | 'blob' | 'layer' | 'partial' | 'draft' | 'lease' | 'quarantine';

/** One thing that was removed, or would be. */
export interface Garbage {
  readonly kind: GarbageKind;
  /** A name, a digest, or the path of a file or folder from the root of the store on. */
  readonly name: string;
  /**
   * Bytes on the disk that this frees. Those of a blob and a layer that are one file count for the
   * layer, which goes last.
   */
  readonly size: number;
}

/** What was removed, or would be. */
export interface GcReport {
  readonly dryRun: boolean;
  /** By kind, then by name. */
  readonly removed: readonly Garbage[];
  /** Bytes freed, and bytes that the store has afterwards, but for the file with the names. */
  readonly freed: number;
  readonly size: number;
}

/** `before`: bytes that the store had. */
export function reportOf(dryRun: boolean, before: number, removed: readonly Garbage[]): GcReport {
  const rank = ({ kind }: Garbage) => kinds.indexOf(kind);
  const sorted = removed.toSorted((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1));
  const freed = sorted.reduce((sum, { size }) => sum + size, 0);
  return { dryRun, removed: sorted, freed, size: before - freed };
}

const kinds = ['name', 'blob', 'layer', 'partial', 'draft', 'lease', 'quarantine'];

export function garbageOf({ kind, name }: Thing, size: number): Garbage {
  return { kind: kind === 'other-layer' ? 'layer' : kind, name, size };
}

export function garbageOfName(name: string): Garbage {
  return { kind: 'name', name, size: 0 };
}
