import type { ErrorCode } from '../error.ts';
import type { RuleID } from './rules.ts';

/**
 * `error`: the app cannot run. `warning`: a part of it will fail when it is used. `note`: something
 * is different on OSv, and the app runs.
 */
export type Severity = 'error' | 'warning' | 'note';

/** The worst first. */
const severities: readonly Severity[] = ['error', 'warning', 'note'];

/** What is known beforehand of an app on OSv. */
export interface Finding {
  /** The same in every release: `process-start`. */
  readonly rule: RuleID;
  readonly severity: Severity;
  /** What was found where. */
  readonly evidence: Evidence;
  /** What happens on OSv, a sentence. */
  readonly consequence: string;
  /** What to change, a sentence or a line to write. */
  readonly fix: string;
  /** The code with which `build` refuses. */
  readonly code?: ErrorCode;
}

export interface Evidence {
  /**
   * Absolute in the image, a file inside a single-file app behind a `!`; undefined where it is the image's
   * config that tells.
   */
  readonly file?: string;
  /** The symbol, type, setting or reference, as it stands there. */
  readonly found: string;
  /** More files in which the same was found. */
  readonly alsoIn?: readonly string[];
}

/** A finding in one line, as `build` tells it. */
export function sentenceOf({ rule, evidence, consequence, fix }: Finding): string {
  return `${rule}: ${placeOf(evidence)}: ${consequence} (${fix})`;
}

/** Names of more files that are told. */
const alsoCap = 3;

/** `/app/a.dll: Process.Start, also in b.dll, c.dll and 2 more` */
export function placeOf({ file, found, alsoIn = [] }: Evidence): string {
  const names = alsoIn.slice(0, alsoCap).map((path) => path.slice(path.search(/[^/!]*$/)));
  const more = alsoIn.length - names.length;
  const also = names.length === 0 ? '' : `, also in ${names.join(', ')}`;
  const rest = more > 0 ? ` and ${more} more` : '';
  return `${file === undefined ? '' : `${file}: `}${found}${also}${rest}`;
}

/** The worst first, each severity in the order it was found. */
export function bySeverity(findings: readonly Finding[]): readonly Finding[] {
  return severities.flatMap((severity) => findings.filter((one) => one.severity === severity));
}
