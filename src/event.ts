import type { DiffID, Digest, VerifyStep } from '../store/index.ts';
import type { BlobEnd } from './target/registry.ts';

/** What a conversion tells while it runs; the members of one object per `event`. Sizes in bytes. */
export type ConvertEvent =
  | { readonly event: 'resolved'; readonly reference: string; readonly digest: Digest }
  /** Everything that will be transferred or found present, so that totals hold from the start. */
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
  /** `sent` falls back where the registry has lost what it had. */
  | {
      readonly event: 'upload';
      readonly digest: Digest;
      readonly sent: number;
      readonly size: number;
    }
  /** The registry has the blob. */
  | {
      readonly event: 'blob-pushed';
      readonly digest: Digest;
      readonly size: number;
      readonly how: BlobEnd;
    }
  | {
      readonly event: 'unpack';
      readonly digest: Digest;
      readonly read: number;
      readonly size: number;
    }
  /** Of all that is verified, so far; `step` is what is looked at now. */
  | {
      readonly event: 'verify';
      readonly step: VerifyStep;
      readonly read: number;
      readonly size: number;
    }
  | { readonly event: 'layer'; readonly diffID: DiffID }
  | { readonly event: 'stage'; readonly text: string }
  | { readonly event: 'warning'; readonly text: string }
  /** A guest does its work, so many milliseconds after its hypervisor was started. */
  | { readonly event: 'ready'; readonly milliseconds: number }
  /** Of a file that is taken in. */
  | {
      readonly event: 'read';
      readonly path: string;
      readonly read: number;
      readonly size: number;
    }
  | {
      readonly event: 'write';
      readonly path: string;
      readonly written: number;
      readonly size: number;
    };

export type OnEvent = (event: ConvertEvent) => void;
