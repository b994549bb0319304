import type { Digest } from '../digest.ts';
import { StoreError } from '../error.ts';

/** Of bytes that come; what lies in the store and is wrong is `damaged`. */
export function digestMismatch(wanted: Digest, found: string, where: string): StoreError {
  return new StoreError('DIGEST_MISMATCH', `verifying ${where}: found ${found}, wanted ${wanted}`, {
    digest: wanted,
    hint: 'pull the image again',
  });
}

export function sizeMismatch(
  digest: Digest,
  found: string,
  wanted: number,
  bound = '',
): StoreError {
  return new StoreError(
    'SIZE_MISMATCH',
    `taking the blob ${digest}: found ${found} bytes, wanted ${bound}${wanted}`,
    { digest, hint: 'pull the image again' },
  );
}
