import { ConvertError } from '../error.ts';
import { parseLocation } from '../oci/location.ts';

/**
 * Refuses what lies on this machine, where a name in a registry is wanted: `oci:web` would be the tag `web` of
 * an image that is called `oci`.
 * @param action what it was for, such as `listing referrers of oci:web`.
 * @throws ConvertError `USAGE`, `REFERENCE_INVALID`.
 */
export function refuseLocal(action: string, ref: string): void {
  const { transport } = parseLocation(ref);
  if (transport === 'registry') return;
  throw new ConvertError(
    'USAGE',
    `${action}: found ${transport}:, which is no registry, wanted HOST[:PORT]/NAME`,
    { hint: 'write it as it begins in a registry, such as quay.io/acme/web' },
  );
}
