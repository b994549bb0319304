import type { Digest } from '../digest.ts';
import { StoreError } from '../error.ts';
import type { OpenFile } from './files.ts';
import { systemCodeOf } from './io-error.ts';

/**
 * Reads what has that digest. What the disk does not give any more is damaged, and can be mended as
 * what it gives wrong.
 * @throws StoreError `STORE_CORRUPT`.
 */
export function reading<T>(digest: Digest, path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const code = unreadable(error);
    if (code === undefined) throw error;
    throw damaged(digest, path, `bytes that cannot be read (${code})`, error);
  }
}

/** What the store has under that digest is something else: `STORE_CORRUPT`. */
export function damaged(digest: Digest, path: string, found: string, cause?: unknown): StoreError {
  return new StoreError('STORE_CORRUPT', `reading ${path}: found ${found}, wanted ${digest}`, {
    digest,
    cause,
    hint: 'osv-convert store verify --full --repair',
  });
}

/** What a bad disk, or a folder in the place of a file, answers to who reads; else undefined. */
export function unreadable(error: unknown): string | undefined {
  const code = error instanceof StoreError ? systemCodeOf(error.cause) : undefined;
  return code === 'EIO' || code === 'EISDIR' ? code : undefined;
}

/** The size of a file that was just opened; one whose size cannot be told is not left open. */
export function sizeOrClosed(file: OpenFile): number {
  try {
    return file.size();
  } catch (error) {
    file.close();
    throw error;
  }
}
