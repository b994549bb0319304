import { type Platform, parsePlatform } from '../oci/platform.ts';
import type { PullOptions } from './pull.ts';

/**
 * The platform that is meant: as given, as configured, or the usual one.
 * @throws ConvertError `PLATFORM_INVALID`.
 */
export function platformOf({
  platform,
  config,
}: Pick<PullOptions, 'platform' | 'config'>): Platform {
  return parsePlatform(platform ?? config?.platform ?? 'linux/amd64');
}
