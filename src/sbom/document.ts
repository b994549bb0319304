import type { Digest } from '../../store/index.ts';
import type { Inventory } from './inventory.ts';
import { wellFormed } from './purl.ts';

/** The image that an SBOM is of. */
export interface Subject {
  /** Its full name. */
  readonly name: string;
  /** Of its manifest. */
  readonly digest: Digest;
  readonly purl: string;
  /** To the second, in UTC: `2025-01-31T09:30:00Z`. */
  readonly timestamp: string;
}

/** What makes SBOMs: this tool. */
export interface Tool {
  readonly name: string;
  readonly version: string;
}

/** All that goes into an SBOM of any format: nothing else does, no clock and no chance. */
export interface SbomParts {
  readonly subject: Subject;
  readonly tool: Tool;
  readonly inventory: Inventory;
}

/** What nothing else in the inventory depends on: the image itself does. */
export function topRefs({ components }: Inventory): readonly string[] {
  const below = new Set(components.flatMap(({ dependsOn }) => dependsOn));
  return components.map(({ ref }) => ref).filter((ref) => !below.has(ref));
}

/** The text of the image's file that is not told of, a sentence. */
export function unreadSentences({ unread }: Inventory): readonly string[] {
  return unread.map(
    ({ path, reason }) => `${path} was not read, and what it tells of is left out: found ${reason}`,
  );
}

/** As it is written: the texts in it are the image's, and JSON for all readers wants whole characters. */
export function formatDocument(document: object): string {
  const cleaned = (_key: string, value: unknown): unknown =>
    typeof value === 'string' ? wellFormed(value) : value;
  return `${JSON.stringify(document, cleaned, 2)}\n`;
}
