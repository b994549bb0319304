import { setImmediate as turn } from 'node:timers/promises';
import type { Blobs } from '../blobs/contract.ts';
import type { Digest } from '../digest.ts';
import type { Survey } from '../graph/survey.ts';
import type { Layers } from '../layers/contract.ts';
import type { Ref } from '../names/contract.ts';
import type { StoreParts } from '../parts.ts';
import type { Pass } from './check.ts';
import { bytesOfBlobsAndTars } from './listing.ts';
import { createStillNamed } from './still-named.ts';
import type { Finding, VerifyOptions, VerifyReport, VerifyStep } from './verify.ts';

/** One verification under way: what its steps share, and what each leaves to those after it. */
export interface Run {
  readonly parts: StoreParts;
  readonly blobs: Blobs;
  readonly layers: Layers;
  readonly options: VerifyOptions;
  readonly pass: Pass;
  readonly checked: { -readonly [K in keyof VerifyReport['checked']]: number };
  readonly findings: readonly Finding[];
  /** Called for each thing that is looked at: lets others have their turn, and ends when aborted. */
  next(): Promise<void>;
  /** Begins the next step. */
  enter(step: VerifyStep): void;
  /** Adds a finding of the step that is under way. */
  tell(finding: Omit<Finding, 'step'>): void;
  /** Set by the step `index`. */
  names: readonly Ref[];
  /** Those of `names` that mean still what they meant then. */
  stillNamed(): Promise<ReadonlySet<string>>;
  /** Set by the step `documents`. */
  survey: Survey;
  /** Blobs whose bytes were read, and whether they are sound now. */
  readonly verdicts: Map<Digest, boolean>;
  /** Blobs that no source has any more. */
  readonly givenUp: Set<Digest>;
  /** The inodes of tars that were read and are sound. */
  readonly soundTars: Set<number>;
  /** Layers that are unpacked, and not known to be damaged. */
  readonly unpacked: Set<Digest>;
}

/** Things looked at before whatever else is under way gets its turn. */
const stride = 64;

export async function beginRun(
  parts: StoreParts,
  blobs: Blobs,
  layers: Layers,
  options: VerifyOptions,
): Promise<Run> {
  const findings: Finding[] = [];
  const checked = { names: 0, documents: 0, layers: 0, blobs: 0, bytes: 0 };
  let step: VerifyStep = 'marker';
  let looks = 0;
  const next = async (): Promise<void> => {
    options.signal?.throwIfAborted();
    looks += 1;
    if (looks % stride === 0) await turn();
  };
  const expected = options.full ? await bytesOfBlobsAndTars(parts, next) : 0;
  const tellProgress = (): void => {
    const size = Math.max(expected, checked.bytes);
    parts.onEvent({ event: 'verify-progress', step, read: checked.bytes, size });
  };
  const run: Run = {
    parts,
    blobs,
    layers,
    options,
    checked,
    findings,
    pass: {
      signal: options.signal,
      onRead(bytes) {
        checked.bytes += bytes;
        tellProgress();
      },
    },
    next,
    enter(entered) {
      step = entered;
      tellProgress();
    },
    tell: (finding) => {
      findings.push({ step, ...finding });
    },
    names: [],
    stillNamed: createStillNamed(parts, () => run.names),
    survey: { wanted: new Map(), blobsOf: new Map(), layersOf: new Map() },
    verdicts: new Map(),
    givenUp: new Set(),
    soundTars: new Set(),
    unpacked: new Set(),
  };
  return run;
}
