import type { ExportOptions } from './archive/export.ts';
import type { Descriptor, DescriptorPlatform } from './descriptor.ts';
import type { DiffID, Digest } from './digest.ts';
import type { LayerIndex } from './entry.ts';
import type { StoreEvent } from './event.ts';
import type { Files } from './files/files.ts';
import type { GcOptions } from './gc/gc.ts';
import type { GcReport } from './gc/report.ts';
import type { Limits } from './limits.ts';
import type { Usage, UsageOptions } from './usage/usage.ts';
import type { VerifyOptions, VerifyReport } from './verify/verify.ts';

/** Bytes that can be read at any position. */
export interface RandomAccess {
  /** In bytes. */
  readonly size: number;
  /** Exactly `length` bytes from `offset`, fewer only at the end. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

export interface CallOptions {
  /** Ends the call when it aborts: what is thrown is its reason. What was begun can be begun again. */
  readonly signal?: AbortSignal;
}

export interface FetchOptions extends CallOptions {
  /** Told with every chunk, and first with what was there already. `received` of `size` bytes. */
  readonly onProgress?: (progress: { readonly received: number; readonly size: number }) => void;
}

/** Files by digest in `blobs/sha256/`, byte for byte as they came. */
export interface Blobs {
  /** The size of the blob, or undefined when the store has none. */
  size(digest: Digest): Promise<number | undefined>;
  /**
   * Takes `bytes` into the store under `expected.digest`. Nothing becomes visible unless size and
   * digest hold; a blob that another writer committed meanwhile is success. `bytes` is drained.
   * @throws StoreError `SIZE_MISMATCH`, `DIGEST_MISMATCH`, `STORE_FULL`.
   */
  write(
    expected: { readonly digest: Digest; readonly size: number },
    bytes: AsyncIterable<Uint8Array>,
    options?: CallOptions,
  ): Promise<void>;
  /**
   * Brings the blob in unless it is there. However many callers want it, in this process and in
   * others, one transfer runs; it ends early only when every caller here has aborted. Bytes that
   * came are kept when the transfer fails or the process is killed: the next one hashes them anew
   * and asks `open` for those from `offset` on. `open` must give exactly the rest, and heed the
   * signal it is given in place of the caller's own.
   * @throws StoreError `SIZE_MISMATCH`, `DIGEST_MISMATCH`, `STORE_FULL`; what `open` throws.
   */
  fetch(
    expected: { readonly digest: Digest; readonly size: number },
    open: (offset: number, signal: AbortSignal) => AsyncIterable<Uint8Array>,
    options?: FetchOptions,
  ): Promise<void>;
  /**
   * Takes bytes held in memory; returns their digest.
   * @throws StoreError `STORE_FULL`.
   */
  put(bytes: Uint8Array): Promise<Digest>;
  /**
   * The whole blob, verified.
   * @throws StoreError `BLOB_MISSING`, `STORE_CORRUPT` when it is damaged, or `SIZE_MISMATCH` above
   * `cap` bytes.
   */
  read(digest: Digest, cap: number): Promise<Uint8Array>;
  /**
   * The blob in sequence, in pieces of at most 1 MiB that stay as they are. It is verified at its
   * end: an error after the last piece voids what was read.
   * @throws StoreError `BLOB_MISSING`, `STORE_CORRUPT` when it is damaged.
   */
  stream(digest: Digest, options?: CallOptions): AsyncIterable<Uint8Array>;
  /**
   * Reads the whole blob. One that is damaged is moved to `quarantine/`; it is given back from the
   * unpacked layer of the same digest, where there is a sound one. True when the blob is sound now:
   * otherwise `fetch` brings it in.
   * @throws StoreError `STORE_UNUSABLE` when a damaged blob may not be moved.
   */
  heal(digest: Digest, options?: CallOptions): Promise<boolean>;
  /**
   * The blob for reading at any position, not verified. `path` is its file, for a peer process. It
   * can be read until it is closed, also when the blob was removed meanwhile.
   * @throws StoreError `BLOB_MISSING`.
   */
  open(digest: Digest): Promise<RandomAccess & { readonly path: string; close(): Promise<void> }>;
}

/** An uncompressed layer, open for reading. */
export interface Layer {
  readonly diffID: DiffID;
  readonly index: LayerIndex;
  /**
   * Fills `target` with bytes of the uncompressed tar from `offset` on, not verified, without
   * waiting, for hot loops. Returns how many there were, fewer only at the end.
   * @throws StoreError `STORE_CORRUPT` when the disk does not give them.
   */
  readInto(target: Uint8Array, offset: number): number;
  close(): void;
}

/** Uncompressed layers in `layers/v2/`, each a tar with an index of what is in it. */
export interface Layers {
  /** True when the layer was taken in; its bytes are not looked at. */
  has(diffID: DiffID): Promise<boolean>;
  /**
   * Inflates the blob (gzip, zstd or plain, told by its first bytes), reads the tar and commits
   * tar and index, unless the layer is there. However many callers want it, in this process and in
   * others, it is unpacked once. One pass, memory flat in the layer's size.
   * @throws StoreError `BLOB_MISSING`, `LAYER_CORRUPT`, `LAYER_LIMIT`, `DIGEST_MISMATCH` when it
   * is another layer, `STORE_CORRUPT` when the blob is damaged, `STORE_FULL`.
   */
  ingest(blob: Digest, diffID: DiffID, options?: CallOptions): Promise<void>;
  /**
   * `Blobs.fetch`, and `ingest` of what it brings: the blob is unpacked while it comes. The layer is
   * committed after its blob, and what fails, fails as if one had been called after the other.
   * @throws StoreError what these two throw; what `open` throws.
   */
  fetch(
    expected: { readonly digest: Digest; readonly size: number },
    diffID: DiffID,
    open: (offset: number, signal: AbortSignal) => AsyncIterable<Uint8Array>,
    options?: FetchOptions,
  ): Promise<void>;
  /**
   * Takes an uncompressed tar made here; commits it as a layer and, by hard link, as a blob.
   * @throws StoreError `LAYER_CORRUPT`, `LAYER_LIMIT`, `STORE_FULL`.
   */
  write(
    tar: AsyncIterable<Uint8Array>,
    options?: CallOptions,
  ): Promise<{ diffID: DiffID; size: number }>;
  /**
   * Reads the whole layer. One that is damaged is moved to `quarantine/` and unpacked anew, where
   * the store has a sound blob of it; damaged blobs of it are moved, too. True when the layer is
   * sound now: otherwise `ingest` takes it in when its blob was fetched.
   * @throws StoreError `STORE_UNUSABLE` when a damaged layer may not be moved.
   */
  heal(diffID: DiffID, options?: CallOptions): Promise<boolean>;
  /**
   * The layer for reading; its index is verified and read whole, its tar only looked at for its size.
   * @throws StoreError `BLOB_MISSING` when the layer was never taken in, `STORE_CORRUPT` with its
   * digest when index or tar are damaged: `heal` may mend it.
   */
  open(diffID: DiffID): Promise<Layer>;
}

/**
 * Names of manifests: the entries of `index.json` that carry `org.opencontainers.image.ref.name`
 * (OCI image-spec, annotations.md). Any text is a name. Every call here may fail as `STORE_CORRUPT`
 * when `index.json` is damaged.
 *
 * A name may stand for several platforms, each in an entry of its own. An entry that says no
 * platform stands for all of them.
 */
export interface Refs {
  /** In the order of their names; of one name, in that of its entries. */
  list(): Promise<readonly Ref[]>;
  /**
   * The entry of `name` for `platform` (os, architecture and variant equal). Where no platform is
   * given: that of linux/amd64, else the first.
   */
  get(name: string, platform?: DescriptorPlatform): Promise<Descriptor | undefined>;
  /**
   * Replaces the entry of the same name and the same `descriptor.platform`; others stay. What it
   * leads to need not be there, and is held.
   */
  set(name: string, descriptor: Descriptor): Promise<void>;
  /** Removes the name for every platform. True when it was there. */
  delete(name: string): Promise<boolean>;
}

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

/** An entry of `index.json` that has a name. */
export interface Ref {
  readonly name: string;
  readonly descriptor: Descriptor;
}

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
   * same bytes. Every blob is verified while it goes by: an error voids what was read.
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
