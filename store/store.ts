import type { Descriptor, DescriptorPlatform } from './descriptor.ts';
import type { DiffID, Digest } from './digest.ts';
import type { LayerIndex } from './entry.ts';
import type { Limits } from './limits.ts';

/** Bytes that can be read at any position. */
export interface RandomAccess {
  /** In bytes. */
  readonly size: number;
  /** Exactly `length` bytes from `offset`, fewer only at the end. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
}

export interface FetchOptions extends CallOptions {
  /** Told with every chunk, and first with what was there already. `received` of `size` bytes. */
  readonly onProgress?: (progress: { readonly received: number; readonly size: number }) => void;
}

/** What a long call tells while it runs. */
export type StoreEvent =
  | { readonly event: 'blob-written'; readonly digest: Digest; readonly size: number }
  | {
      readonly event: 'layer-progress';
      readonly digest: Digest;
      readonly read: number;
      readonly size: number;
    }
  | {
      readonly event: 'layer-written';
      readonly diffID: DiffID;
      readonly size: number;
      readonly entries: number;
    };

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
  /** Takes bytes held in memory; returns their digest. */
  put(bytes: Uint8Array): Promise<Digest>;
  /**
   * The whole blob, verified.
   * @throws StoreError `BLOB_MISSING`, `DIGEST_MISMATCH`, or `SIZE_MISMATCH` above `cap` bytes.
   */
  read(digest: Digest, cap: number): Promise<Uint8Array>;
  /** The blob in sequence, verified at its end: an error after the last chunk voids what was read. */
  stream(digest: Digest, options?: CallOptions): AsyncIterable<Uint8Array>;
  /** The blob for reading at any position, not verified. `path` is its file, for a peer process. */
  open(digest: Digest): Promise<RandomAccess & { readonly path: string; close(): Promise<void> }>;
}

/** An uncompressed layer, open for reading. */
export interface Layer {
  readonly diffID: DiffID;
  readonly index: LayerIndex;
  /** Descriptor of the uncompressed tar, for synchronous positional reads in hot loops. */
  readonly fd: number;
  close(): void;
}

/** Uncompressed layers in `layers/v1/`. */
export interface Layers {
  has(diffID: DiffID): Promise<boolean>;
  /**
   * Inflates the blob (gzip, zstd or plain, told by its first bytes), reads the tar and commits
   * tar and index, unless the layer is there. One pass, memory flat in the layer's size.
   * @throws StoreError `LAYER_CORRUPT`, `LAYER_LIMIT`, `DIGEST_MISMATCH`, `STORE_FULL`.
   */
  ingest(blob: Digest, diffID: DiffID, options?: CallOptions): Promise<void>;
  /** Takes an uncompressed tar made here; commits it as a layer and, by hard link, as a blob. */
  write(
    tar: AsyncIterable<Uint8Array>,
    options?: CallOptions,
  ): Promise<{ diffID: DiffID; size: number }>;
  /** @throws StoreError `BLOB_MISSING` when the layer was never taken in, `STORE_CORRUPT`. */
  open(diffID: DiffID): Promise<Layer>;
}

/**
 * Names of manifests: the entries of `index.json` that carry `org.opencontainers.image.ref.name`.
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
  /** Replaces the entry of the same name and the same `descriptor.platform`; others stay. */
  set(name: string, descriptor: Descriptor): Promise<void>;
  /** Removes the name for every platform. True when it was there. */
  delete(name: string): Promise<boolean>;
}

export interface Ref {
  readonly name: string;
  readonly descriptor: Descriptor;
}

export interface Store {
  /** The folder, absolute. */
  readonly path: string;
  readonly blobs: Blobs;
  readonly layers: Layers;
  readonly refs: Refs;
}

export interface OpenStoreOptions {
  readonly onEvent?: (event: StoreEvent) => void;
  /** Caps on what a layer may cost; `defaultLimits` where nothing is said. */
  readonly limits?: Partial<Limits>;
}
