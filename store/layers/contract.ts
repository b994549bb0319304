import type { CallOptions, FetchOptions } from '../call-options.ts';
import type { DiffID, Digest } from '../digest.ts';
import type { LayerIndex } from '../entry.ts';

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
