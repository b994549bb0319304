import { type Entry, type FileEntry, type Limits, StoreError } from '../../../store/index.ts';
import { readTar } from '../../support/read-tar.ts';

/** The entry of a tar that has one. */
export function only(tar: Uint8Array): Entry {
  const [entry, ...more] = readTar(tar);
  if (entry === undefined || more.length > 0) {
    throw new Error(`wanted one entry, found ${more.length + (entry === undefined ? 0 : 1)}`);
  }
  return entry;
}

/** The same, which is a file. */
export function onlyFile(tar: Uint8Array): FileEntry {
  const entry = only(tar);
  if (entry.kind !== 'file') {
    throw new Error(`wanted a file, found a ${entry.kind}`);
  }
  return entry;
}

/** What the tar is refused with. */
export function failure(tar: Uint8Array, limits: Partial<Limits> = {}): StoreError {
  try {
    readTar(tar, limits);
  } catch (error) {
    if (error instanceof StoreError) {
      return error;
    }
    throw error;
  }
  throw new Error('wanted a StoreError, found none');
}
