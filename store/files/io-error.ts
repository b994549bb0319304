import { StoreError } from '../error.ts';

/** Codes of the operating system that mean there is no more room. */
const full = new Set(['ENOSPC', 'EDQUOT']);

/** Codes that symlink(2) ends with where the file system knows no such links, FUSE's among them. */
const noSymlinks = new Set(['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP']);

/**
 * What the operating system refused, as a failure of the store at `path`; anything else as it is.
 * StoreError `STORE_FULL`, `STORE_UNUSABLE`; the system's own error is its cause.
 */
export function storeErrorOf(error: unknown, path: string): unknown {
  const code = systemCodeOf(error);
  if (code === undefined) {
    return error;
  }
  if (full.has(code)) {
    return new StoreError(
      'STORE_FULL',
      `writing ${path}: found the disk full (${code}), wanted room for it`,
      {
        cause: error,
        hint: 'osv-convert store gc\nor free other space on the disk, or choose a store elsewhere',
      },
    );
  }
  if (code === 'EFBIG') {
    return new StoreError(
      'STORE_FULL',
      `writing ${path}: found that no file may grow so large (EFBIG), wanted room for it`,
      { cause: error, hint: 'ulimit -f unlimited\nor choose a store on another file system' },
    );
  }
  if (code === 'EXDEV') {
    return new StoreError(
      'STORE_UNUSABLE',
      `using ${path}: found it on another file system (EXDEV), wanted all of the store on one`,
      { cause: error, hint: 'move the whole store, not a folder of it' },
    );
  }
  if (code === 'ENOTDIR') {
    return new StoreError(
      'STORE_UNUSABLE',
      `using ${path}: found a file on the way there (ENOTDIR), wanted folders`,
      { cause: error, hint: 'choose another folder for the store' },
    );
  }
  if (noSymlinks.has(code) && isOf(error, 'symlink')) {
    return new StoreError(
      'STORE_UNUSABLE',
      `locking ${path}: found that no symbolic link can be made there (${code}), wanted a file system that has them`,
      { cause: error, hint: 'choose a store elsewhere: not on FAT or exFAT' },
    );
  }
  return new StoreError('STORE_UNUSABLE', `using ${path}: found ${code}, wanted access to it`, {
    cause: error,
    hint: 'check who owns the store and that it can be written, or choose a store elsewhere',
  });
}

function isOf(error: unknown, call: string): boolean {
  return error instanceof Error && 'syscall' in error && error.syscall === call;
}

/** `ENOENT` and the like, undefined for what is no error of the operating system. */
export function systemCodeOf(error: unknown): string | undefined {
  return error instanceof Error && 'syscall' in error && 'code' in error
    ? String(error.code)
    : undefined;
}

/** True for a failure to write where one may only read. */
export function isWriteRefusal(error: unknown): boolean {
  const cause = error instanceof StoreError ? error.cause : error;
  return ['EROFS', 'EACCES', 'EPERM'].includes(systemCodeOf(cause) ?? '');
}
