import type { Descriptor } from '../../store/index.ts';

export interface SourceCallOptions {
  readonly signal?: AbortSignal;
}

export interface FetchOptions extends SourceCallOptions {
  /** The byte to begin at, where those before it are at hand; 0 unless given. */
  readonly offset?: number;
}

/** What a name leads to: a manifest or an index, its bytes verified against the descriptor. */
export interface Resolved {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

/** Where one named image comes from. */
export interface Source {
  /**
   * What the name leads to now.
   * @throws ConvertError any code of the table's "Sources", `DIGEST_MISMATCH`.
   */
  resolve(options?: SourceCallOptions): Promise<Resolved>;
  /**
   * The bytes behind a descriptor of the image, in sequence: manifests, configs and layers alike.
   * Exactly the bytes from `offset` to `descriptor.size` come, or it throws. Their digest is the taker's to check, as
   * `Blobs.write` of the store and `readDocument` do.
   * @throws ConvertError any code of the table's "Sources", `SIZE_MISMATCH`.
   */
  fetch(descriptor: Descriptor, options?: FetchOptions): AsyncIterable<Uint8Array>;
}

/** What a source tells while it works. */
export interface SourceEvent {
  readonly event: 'request-retried';
  /** The failed action and why it failed, for people. */
  readonly reason: string;
  /** Milliseconds until the next try. */
  readonly delay: number;
}
