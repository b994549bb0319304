import { type Digest, isDigest } from '../digest.ts';
import type { Owner } from '../files/owner.ts';

/** The first line of `leases/ID.lease`; digests follow, one a line. */
export interface LeaseHead {
  readonly id: string;
  /** In words, for people. */
  readonly purpose: string;
  readonly created: Date;
  /** The process at whose death the lease ends. */
  readonly owner?: Owner;
  /** When it ends. */
  readonly expires?: Date;
}

export interface LeaseFile extends LeaseHead {
  readonly holds: readonly Digest[];
}

export function formatLeaseHead({ id, purpose, created, owner, expires }: LeaseHead): string {
  return `${JSON.stringify({ version: 1, id, purpose, created, expires, owner })}\n`;
}

/**
 * Undefined for a file that is no lease of this version. A last line that its writer's death cut
 * off holds nothing.
 */
export function parseLeaseFile(text: string): LeaseFile | undefined {
  const [head = '', ...lines] = text.split('\n');
  const parsed = parseHead(head);
  if (parsed === undefined) return undefined;
  const holds = lines.filter(isDigest);
  return { ...parsed, holds };
}

function parseHead(line: string): LeaseHead | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (!(value instanceof Object) || Reflect.get(value, 'version') !== 1) return undefined;
  const { id, purpose, created, expires, owner } = value as Record<string, unknown>;
  const start = dateOf(created);
  if (typeof id !== 'string' || typeof purpose !== 'string' || start === undefined) {
    return undefined;
  }
  const end = dateOf(expires);
  return {
    id,
    purpose,
    created: start,
    ...(end && { expires: end }),
    ...(isOwner(owner) && { owner }),
  };
}

function dateOf(value: unknown): Date | undefined {
  const date = new Date(typeof value === 'string' ? value : Number.NaN);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

function isOwner(value: unknown): value is Owner {
  if (!(value instanceof Object)) return false;
  const { pid, start, realm } = value as Record<string, unknown>;
  return Number.isInteger(pid) && typeof start === 'string' && typeof realm === 'string';
}
