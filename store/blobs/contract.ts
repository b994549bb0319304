import type { CallOptions, FetchOptions } from '../call-options.ts';
import type { Digest } from '../digest.ts';

/** Bytes that can be read at any position. */
export interface RandomAccess {
  /** In bytes. */
  readonly size: number;
  /** Exactly `length` bytes from `offset`, fewer only at the end. */
  read(offset: number, length: number): Promise<Uint8Array>;
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
