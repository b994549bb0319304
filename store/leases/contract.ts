import type { Digest } from '../digest.ts';

/**
 * What is used, so that `gc` lets it be. Every open store has a lease of its own (`Store.hold`);
 * these are all of them, and such as outlive their process.
 */
export interface Leases {
  /** Those of all processes, by age; they last until their `expires`, or until their owner dies. */
  list(): Promise<readonly Lease[]>;
  /**
   * A lease of no process, durable, that ends at `expires`, or when it is deleted. It holds blobs
   * with all that they refer to.
   * @throws StoreError `BLOB_MISSING` when one of the digests is no blob in the store.
   */
  create(lease: {
    readonly purpose: string;
    readonly digests: readonly Digest[];
    readonly expires?: Date;
  }): Promise<Lease>;
  /** True when it was there. */
  delete(id: string): Promise<boolean>;
}

/** What is used by a process, or kept by hand until a time. */
export interface Lease {
  readonly id: string;
  /** In words, for people. */
  readonly purpose: string;
  readonly created: Date;
  /** When it ends; absent where only its owner's death or `delete` ends it. */
  readonly expires?: Date | undefined;
  /** The process whose lease it is. */
  readonly owner?: { readonly pid: number };
  /** False for one that has ended, and holds nothing any more. */
  readonly alive: boolean;
  /** What is held: blobs and layers, with all that they refer to. */
  readonly holds: readonly Digest[];
}
