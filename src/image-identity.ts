import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Store } from '../store/index.ts';
import { inputStamp } from './input-stamp.ts';
import { documentCap } from './oci/json.ts';
import { nameOf } from './oci/location.ts';
import { formatPlatform, type Platform } from './oci/platform.ts';
import { parseImageLocation } from './pull/image-location.ts';
import { lockedDigests } from './pull/lock-file.ts';
import { findNamed } from './pull/look-in-store.ts';
import type { PullOptions } from './pull/pull.ts';

/**
 * What an image is known by before it is read: where the store is asked, the digest of its manifest by the name it
 * has there, or by the lock file; of a layout its index, which leads to all else by digests; of an archive the stamp
 * of the file. Undefined where only a registry, or who reads the image, can tell.
 * @throws ConvertError `REFERENCE_INVALID`, `LOCK_MISSING`; StoreError.
 */
export async function identityOfImage(
  store: Store,
  text: string,
  platform: Platform,
  { pull, offline, lock }: Pick<PullOptions, 'pull' | 'offline' | 'lock'>,
): Promise<string | undefined> {
  const location = parseImageLocation(text);
  const name = nameOf(location);
  const { transport } = location;
  if (transport === 'registry' && pull === 'always' && offline !== true) return undefined;
  if (transport === 'registry' || transport === 'store' || pull === 'never') {
    if (lock) return lockedDigests(lock, name, formatPlatform(platform)).manifest;
    return (await findNamed(store, name, platform))?.digest;
  }
  return transport === 'oci' ? indexOf(location.path) : inputStamp(location.path);
}

function indexOf(folder: string): string | undefined {
  try {
    const path = join(folder, 'index.json');
    const found = statSync(path);
    // A pipe would block the opening for ever, and no signal would end it.
    return found.isFile() && found.size <= documentCap ? readFileSync(path, 'utf8') : undefined;
  } catch {
    return undefined;
  }
}
