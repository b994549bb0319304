/** What can go wrong in the store. The exit code of each stands in the table of `src/error.ts`. */
export type StoreErrorCode =
  | 'DIGEST_INVALID'
  | 'DIGEST_MISMATCH'
  | 'SIZE_MISMATCH'
  | 'BLOB_MISSING'
  | 'LAYER_CORRUPT'
  | 'LAYER_LIMIT'
  | 'STORE_UNUSABLE'
  | 'STORE_CORRUPT'
  | 'STORE_VERSION'
  | 'STORE_FULL';

/** A code, a sentence (action, value found, value wanted) and maybe the next command to type. */
export class StoreError extends Error {
  readonly code: StoreErrorCode;
  readonly hint: string | undefined;

  constructor(
    code: StoreErrorCode,
    sentence: string,
    options: { hint?: string; cause?: unknown } = {},
  ) {
    super(sentence, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'StoreError';
    this.code = code;
    this.hint = options.hint;
  }
}
