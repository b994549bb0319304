import type { ExportOptions } from './archive/export.ts';
import type { Blobs } from './blobs/contract.ts';
import type { CallOptions } from './call-options.ts';
import type { Digest } from './digest.ts';
import type { StoreEvent } from './event.ts';
import type { Files } from './files/files.ts';
import type { GcOptions } from './gc/gc.ts';
import type { GcReport } from './gc/report.ts';
import type { Layers } from './layers/contract.ts';
import type { Leases } from './leases/contract.ts';
import type { Limits } from './limits.ts';
import type { Ref, Refs } from './names/contract.ts';
import type { Usage, UsageOptions } from './usage/usage.ts';
import type { VerifyOptions, VerifyReport } from './verify/verify.ts';

/**
 * An open store. Any call may fail as `STORE_UNUSABLE` when the system refuses it a file, and any
 * that writes as `STORE_FULL`; what was taken in before is not harmed by that. Digests are of sha256
 * only. Files are read and written without waiting; whatever else is under way in the process has
 * its turn in between, but for `blobs.read` and `layers.open`, which read a file in one go.
 */
export interface Store {
  /** The folder, absolute. */
  readonly path: string;
  /** What it was opened with, and the defaults. */
  readonly limits: Limits;
  readonly blobs: Blobs;
  readonly layers: Layers;
  readonly refs: Refs;
  readonly leases: Leases;
  /**
   * Says that these are in use until `close`, with all that they refer to: no `gc` of any process
   * removes them. Ask before looking whether they are there. What is taken in by this open store
   * is held anyway. Holds nothing in a store that this process may not write.
   */
  hold(digests: readonly Digest[]): Promise<void>;
  /**
   * Removes what no name and no lease leads to. Safe beside whatever other processes do, but not
   * beside other tools that write in the folder: they hold nothing.
   * @throws StoreError `STORE_CORRUPT`, before anything is removed, when the names or a document in
   * use are damaged: `verify` with `repair` mends that.
   */
  gc(options?: GcOptions): Promise<GcReport>;
  /**
   * Looks for what is wrong, and mends it if asked to. Damage is told in the report, not thrown.
   */
  verify(options?: VerifyOptions): Promise<VerifyReport>;
  /**
   * What is in the store, and how large it is. Writes nothing.
   * @throws StoreError `STORE_CORRUPT` when `index.json` is damaged.
   */
  usage(options?: UsageOptions): Promise<Usage>;
  /**
   * An OCI archive (an image layout as a tar) of names, as index.json has them, with all that they
   * refer to and that is there: every platform, kernels and runtimes too. The same entries give the
   * same bytes. Every blob is verified while it goes by: an error voids what was read. It has what the
   * names led to when it began, also where one of them is taken away meanwhile.
   * @throws StoreError `BLOB_MISSING` when there is no such name, or the store lacks a part of it;
   * `DIGEST_MISMATCH`, `STORE_CORRUPT`.
   */
  export(options?: ExportOptions): AsyncIterable<Uint8Array>;
  /**
   * Takes in what `export` gave, or any OCI archive (also gzip or zstd) with names; returns those.
   * They take the place of the store's of the same name and platform, all in one step, once every
   * blob that goes by is verified and all that they lead to is there.
   * @throws StoreError `ARCHIVE_INVALID`, `DIGEST_MISMATCH`, `SIZE_MISMATCH`, `LAYER_LIMIT`,
   * `STORE_FULL`.
   */
  import(archive: AsyncIterable<Uint8Array>, options?: CallOptions): Promise<readonly Ref[]>;
  /** Lets go of everything that is held. The store can be used on; what comes then is held anew. */
  close(): Promise<void>;
}

export interface OpenStoreOptions {
  /** Called in the middle of work: what it throws fails the call. */
  readonly onEvent?: (event: StoreEvent) => void;
  /** Caps on what a layer may cost; `defaultLimits` where nothing is said. */
  readonly limits?: Partial<Limits>;
  /**
   * `auto`, where nothing is said: the program igzip inflates large gzip layers, where it is on `PATH`.
   * `node`: no program is started.
   */
  readonly inflater?: 'auto' | 'node';
  /** True: nothing is written, whatever the folder allows. */
  readonly readOnly?: boolean;
  /** True: a store whose `oci-layout` is damaged opens all the same, for `verify` to mend it. */
  readonly repair?: boolean;
  /** What the store is opened for, as `leases` shows it. */
  readonly purpose?: string;
  /** The files that the store is made of; those of this host when absent. */
  readonly files?: Files;
}
