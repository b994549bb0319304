/**
 * `error`: the app cannot run. `warning`: a part of it will fail when it is used. `note`: something
 * is different on OSv, and the app runs.
 */
export type Severity = 'error' | 'warning' | 'note';

/** What is known beforehand of an app on OSv. */
export interface Finding {
  /** The same in every release: `process-start`. */
  readonly rule: string;
  readonly severity: Severity;
  /** What was found where. */
  readonly evidence: Evidence;
  /** What happens on OSv, a sentence. */
  readonly consequence: string;
  /** What to change, a sentence or a line to write. */
  readonly fix: string;
}

export interface Evidence {
  /** Absolute in the image; undefined where it is the image's config that tells. */
  readonly file?: string;
  /** The symbol, type, setting or reference, as it stands there. */
  readonly found: string;
}
