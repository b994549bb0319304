import { dirname } from 'node:path';
import type { Blobs } from '../blobs/contract.ts';
import type { CallOptions } from '../call-options.ts';
import type { Digest } from '../digest.ts';
import type { Layers } from '../layers/contract.ts';
import type { StoreParts } from '../parts.ts';
import { verifyBlobs } from './blobs.ts';
import { verifyDocuments } from './documents.ts';
import { verifyIndex } from './index-json.ts';
import { verifyLayers } from './layers.ts';
import { verifyLeases } from './leases.ts';
import { listLayers } from './listing.ts';
import { verifyMarker } from './marker.ts';
import { verifyNames } from './names.ts';
import { beginRun, type Run } from './run.ts';
import { tellStrays } from './strays.ts';

export interface VerifyOptions extends CallOptions {
  /** True: every byte is read and hashed; otherwise documents, what files say of themselves, and sizes. */
  readonly full?: boolean;
  /**
   * True: what is wrong is moved to `quarantine/`, and rebuilt or fetched anew where that can be.
   * What is sound is never touched; cut short at any point, it can be run again.
   */
  readonly repair?: boolean;
  /**
   * Brings a blob in anew from where its names say it came from, by `blobs.fetch`. False where none
   * of them has it: a name whose manifest is lost so is dropped. Whoever could not be asked may be
   * asked later: that is thrown, is told with the finding, and drops nothing. Without `refetch`
   * nothing is fetched and nothing dropped.
   */
  readonly refetch?: (lost: LostBlob) => Promise<boolean>;
}

/** A blob that is damaged or missing, and wanted. */
export interface LostBlob {
  readonly digest: Digest;
  /** In bytes, where something that refers to it says so. */
  readonly size?: number;
  /** Names in the store that lead to it. */
  readonly names: readonly string[];
}

/** In the order in which they are taken. */
export type VerifyStep =
  | 'marker'
  | 'index'
  | 'documents'
  | 'layers'
  | 'blobs'
  | 'names'
  | 'leases'
  | 'strays';

/** One thing that is not as it should be. The texts are for people. */
export interface Finding {
  readonly step: VerifyStep;
  readonly kind: 'marker' | 'index' | 'blob' | 'layer' | 'name' | 'lease' | 'file';
  /** A digest, a name, or a path from the root of the store on. */
  readonly name: string;
  readonly found: string;
  readonly wanted: string;
  /**
   * `note`: nothing is wrong. `fault`: something is; `done` says whether it still is. `loss`: a name
   * needs what the store has lost.
   */
  readonly severity: 'note' | 'fault' | 'loss';
  /**
   * `quarantined`: moved there, and nothing came in its place. `rebuilt`: made anew from what the
   * store has. `restored`: given back from another copy of the same bytes. `refetched`: by `refetch`.
   * `dropped`: a name whose manifest is lost.
   */
  readonly done: 'none' | 'quarantined' | 'rebuilt' | 'refetched' | 'dropped' | 'restored';
  /** Names that need it. */
  readonly names?: readonly string[];
  /** Where the damaged files are now: paths from the root of the store on. */
  readonly quarantined?: readonly string[];
}

/** Described by schemas/verify.schema.json. */
export interface VerifyReport {
  readonly full: boolean;
  readonly repair: boolean;
  /** True when nothing was wrong, or all of it is mended and nothing lost. */
  readonly sound: boolean;
  /** How many were looked at, and the bytes that were read and hashed. */
  readonly checked: {
    readonly names: number;
    readonly documents: number;
    readonly layers: number;
    readonly blobs: number;
    readonly bytes: number;
  };
  readonly findings: readonly Finding[];
}

type Step = (run: Run) => Promise<void>;

const steps: readonly (readonly [VerifyStep, Step])[] = [
  ['marker', verifyMarker],
  ['index', verifyIndex],
  ['documents', verifyDocuments],
  ['layers', verifyLayers],
  ['blobs', verifyBlobs],
  ['names', verifyNames],
  ['leases', verifyLeases],
  ['strays', tellStrays],
];

/**
 * Looks for what is wrong in a store, and mends it if asked to. It may run beside whatever other
 * processes do: what comes and goes meanwhile is not mistaken for damage.
 * @throws StoreError `STORE_UNUSABLE`, `STORE_FULL`; the reason of the signal.
 */
export async function verifyStore(
  parts: StoreParts,
  blobs: Blobs,
  layers: Layers,
  options: VerifyOptions,
): Promise<VerifyReport> {
  const { full = false, repair = false, signal } = options;
  const run = await beginRun(parts, blobs, layers, options);
  for (const [name, step] of steps) {
    signal?.throwIfAborted();
    run.enter(name);
    await step(run);
  }
  if (repair) await settleAll(parts);
  const { checked, findings } = run;
  const isWrong = ({ severity, done }: Finding) =>
    severity === 'loss' || (severity === 'fault' && done === 'none');
  return { full, repair, sound: !findings.some(isWrong), checked: { ...checked }, findings };
}

/** What a repair that was killed put in place, and this one found sound, is to last as well. */
async function settleAll({ files, layout, settle }: StoreParts): Promise<void> {
  const { root, blobs, layers, ownLayers } = layout;
  const folders = [root, dirname(blobs), blobs, layers, dirname(ownLayers), ownLayers];
  for (const folder of folders) await settle(folder);
  for (const diffID of listLayers(files, layout)) await settle(layout.layer(diffID).folder);
}
