import type { Digest } from './digest.ts';

/** What can go wrong in the store. The exit code of each stands in the table of `src/error.ts`. */
export type StoreErrorCode =
  /** A text is no sha256 digest. */
  | 'DIGEST_INVALID'
  /** Bytes that came are not what their digest says. */
  | 'DIGEST_MISMATCH'
  /** Too many bytes, or too few. */
  | 'SIZE_MISMATCH'
  /** The blob, layer or name is not in the store. */
  | 'BLOB_MISSING'
  /** What is to be imported is no whole OCI archive with names. */
  | 'ARCHIVE_INVALID'
  /** A layer is no gzip, zstd or tar that can be read. */
  | 'LAYER_CORRUPT'
  /** A layer costs more than `Limits` allow. */
  | 'LAYER_LIMIT'
  /** The folder cannot be used: rights, other things in it, opened for reading only, a failing disk. */
  | 'STORE_UNUSABLE'
  /** What the store has and needs is damaged: names, a blob or a layer. */
  | 'STORE_CORRUPT'
  /** A later version made it. */
  | 'STORE_VERSION'
  /** The disk is full; nothing was lost but what was being written. */
  | 'STORE_FULL';

/** A code, a sentence (action, value found, value wanted) and maybe the next command to type. */
export class StoreError extends Error {
  readonly code: StoreErrorCode;
  readonly hint: string | undefined;
  /** The blob or the layer that is damaged or missing. */
  readonly digest: Digest | undefined;

  constructor(
    code: StoreErrorCode,
    sentence: string,
    options: { hint?: string; cause?: unknown; digest?: Digest } = {},
  ) {
    super(sentence, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'StoreError';
    this.code = code;
    this.hint = options.hint;
    this.digest = options.digest;
  }
}
