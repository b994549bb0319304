/** A line that tells how many came or went; none where they were not asked for. */
export function countedReferrers(referrers: readonly unknown[] | undefined): string {
  if (referrers === undefined) return '';
  return `${referrers.length} ${referrers.length === 1 ? 'referrer' : 'referrers'}\n`;
}
