import type { DiffID, Digest } from './digest.ts';
import type { VerifyStep } from './verify/verify.ts';

/** What a call tells while it runs. Sizes are in bytes. */
export type StoreEvent =
  /** A blob that was not there is, durably. */
  | { readonly event: 'blob-written'; readonly digest: Digest; readonly size: number }
  /** So many of the `size` bytes of a blob were unpacked. */
  | {
      readonly event: 'layer-progress';
      readonly digest: Digest;
      readonly read: number;
      readonly size: number;
    }
  /** A layer that was not there is, durably; `size` is that of the uncompressed tar. */
  | {
      readonly event: 'layer-written';
      readonly diffID: DiffID;
      readonly size: number;
      readonly entries: number;
    }
  /** So many bytes of those that `verify` will read were read; a step begins with such an event. */
  | {
      readonly event: 'verify-progress';
      readonly step: VerifyStep;
      readonly read: number;
      readonly size: number;
    }
  /** A damaged file was moved, from and to these paths in the store. */
  | { readonly event: 'quarantined'; readonly from: string; readonly to: string };
