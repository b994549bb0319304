import { StoreError } from './error.ts';

/** Codes of the operating system that mean there is no more room. */
const full = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/**
 * Does `call`, file-system work of the store on `path`, and turns what the operating system
 * refuses into a StoreError. Nothing else may run in `call`: a failure of the network is not one
 * of the store.
 * @throws StoreError `STORE_FULL`, `STORE_UNUSABLE`; anything that is no system error as it is.
 */
export async function storing<T>(path: string, call: () => Promise<T> | T): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw storeErrorOf(error, path);
  }
}

export function storeErrorOf(error: unknown, path: string): unknown {
  const code = systemCodeOf(error);
  if (code === undefined) {
    return error;
  }
  if (full.has(code)) {
    return new StoreError(
      'STORE_FULL',
      `writing ${path}: found the disk full (${code}), wanted room for it`,
      { cause: error, hint: 'free space on the disk, or choose a store elsewhere' },
    );
  }
  if (code === 'EXDEV') {
    return new StoreError(
      'STORE_UNUSABLE',
      `using ${path}: found it on another file system (EXDEV), wanted all of the store on one`,
      { cause: error, hint: 'move the whole store, not a folder of it' },
    );
  }
  return new StoreError('STORE_UNUSABLE', `using ${path}: found ${code}, wanted access to it`, {
    cause: error,
    hint: 'check who owns the store and that it can be written, or choose a store elsewhere',
  });
}

/** `ENOENT` and the like, undefined for what is no error of the operating system. */
export function systemCodeOf(error: unknown): string | undefined {
  return error instanceof Error && 'syscall' in error && 'code' in error
    ? String(error.code)
    : undefined;
}

/** What `call` gives, or undefined when there is no such file. */
export async function ifPresent<T>(
  path: string,
  call: () => Promise<T> | T,
): Promise<T | undefined> {
  return storing(path, async () => {
    try {
      return await call();
    } catch (error) {
      if (systemCodeOf(error) === 'ENOENT') {
        return undefined;
      }
      throw error;
    }
  });
}
