import { type Listed, lineOf } from './listing.ts';
import type { PeerOutcome } from './peers.ts';
import type { Outcome } from './unpack.ts';

/**
 * In what two outcomes differ: the lines of one that the other has not. Undefined where they are equal,
 * or where both refuse. Times are compared to the microsecond; of a folder that no layer describes, not
 * at all. Links have no mode.
 */
export function differenceOf(
  ours: Outcome,
  theirs: PeerOutcome,
  { owners }: { readonly owners: boolean },
): string | undefined {
  if ('code' in ours && 'complaint' in theirs) return undefined;
  if ('code' in ours) return `we refuse: ${ours.sentence}`;
  if ('complaint' in theirs) return `they refuse: ${theirs.complaint}`;
  const ourTimes = new Map(ours.listed.map(({ path, kind, mtime }) => [path, { kind, mtime }]));
  const sameTime = ({ path, mtime }: Listed) => {
    const our = ourTimes.get(path);
    const undescribed = our?.kind === 'd' && our.mtime === 0;
    return our && (undescribed || Math.abs(our.mtime - mtime) < 1e-6) ? our.mtime : mtime;
  };
  return difference(
    ours.listed.map((one) => lineOf(comparable(one, owners))),
    theirs.listed.map((one) => lineOf(comparable({ ...one, mtime: sameTime(one) }, owners))),
  );
}

function comparable(one: Listed, owners: boolean): Listed {
  const { xattrs = new Map() } = one;
  // Only files and directories have extended attributes that users may set (xattr(7)).
  const attributed = owners && (one.kind === '-' || one.kind === 'd');
  return {
    ...one,
    mode: one.kind === 'l' ? 0o777 : one.mode,
    owner: attributed ? one.owner : '',
    xattrs: attributed ? new Map([...xattrs].sort(([a], [b]) => (a < b ? -1 : 1))) : new Map(),
  };
}

function difference(our: readonly string[], their: readonly string[]): string | undefined {
  const lines = [
    ...without(our, their).map((line) => `we: ${line}`),
    ...without(their, our).map((line) => `they: ${line}`),
  ];
  if (lines.length > 0) return lines.slice(0, 10).join('\n');
  return our.join('\n') === their.join('\n') ? undefined : 'the order';
}

function without(lines: readonly string[], others: readonly string[]): readonly string[] {
  const found = new Set(others);
  return lines.filter((line) => !found.has(line));
}
