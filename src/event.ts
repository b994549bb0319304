import type { DiffID, Digest } from '../store/index.ts';

/** What a conversion tells while it runs; the members of one object per `event`. Sizes in bytes. */
export type ConvertEvent =
  | { readonly event: 'resolved'; readonly reference: string; readonly digest: Digest }
  /** Everything that will be downloaded or found present, so that totals hold from the start. */
  | {
      readonly event: 'planned';
      readonly blobs: readonly { readonly digest: Digest; readonly size: number }[];
    }
  | { readonly event: 'blob-present'; readonly digest: Digest; readonly size: number }
  | {
      readonly event: 'download';
      readonly digest: Digest;
      readonly received: number;
      readonly size: number;
    }
  | {
      readonly event: 'unpack';
      readonly digest: Digest;
      readonly read: number;
      readonly size: number;
    }
  | { readonly event: 'layer'; readonly diffID: DiffID }
  | { readonly event: 'stage'; readonly text: string }
  | { readonly event: 'warning'; readonly text: string }
  | {
      readonly event: 'write';
      readonly path: string;
      readonly written: number;
      readonly size: number;
    };

export type OnEvent = (event: ConvertEvent) => void;
