import { type Digest, hexOf } from '../../store/index.ts';

/**
 * The tag under which the referrers of a digest stand where nothing else tells them: in a registry
 * without the referrers API (distribution-spec, "Referrers Tag Schema"), and in layouts as some tools
 * write them.
 */
export function referrersTag(digest: Digest): string {
  return `sha256-${hexOf(digest)}`;
}

/** Whether a name, full or a mere tag, is that of a list of referrers. */
export function isReferrersTag(name: string): boolean {
  return /(?:^|:)sha256-[0-9a-f]{64}$/.test(name);
}
