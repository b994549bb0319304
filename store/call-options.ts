export interface CallOptions {
  /** Ends the call when it aborts: what is thrown is its reason. What was begun can be begun again. */
  readonly signal?: AbortSignal;
}

export interface FetchOptions extends CallOptions {
  /** Told with every chunk, and first with what was there already. `received` of `size` bytes. */
  readonly onProgress?: (progress: { readonly received: number; readonly size: number }) => void;
}
