import { dirname, resolve } from 'node:path';
import { ConvertError } from '../error.ts';
import { shellWord } from '../shell-word.ts';

/** What went wrong with the file that is written at `path`: `OUTPUT_FULL`, else `OUTPUT_UNUSABLE`. */
export function outputError(path: string, cause: unknown): ConvertError {
  if (cause instanceof ConvertError) return cause;
  const folder = dirname(resolve(path));
  switch (codeOf(cause)) {
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return new ConvertError(
        'OUTPUT_FULL',
        `writing ${path}: found no room left for it in ${folder}, wanted room for all of it`,
        { hint: `df -h ${shellWord(folder)}`, cause },
      );
    case 'ENOENT':
      return unusable(path, `no folder ${folder}`, cause, `mkdir -p ${shellWord(folder)}`);
    case 'ENOTDIR':
      return unusable(path, `no folder ${folder} but a file`, cause);
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return unusable(path, `the folder ${folder} not writable`, cause);
    default:
      return unusable(path, `an error (${cause instanceof Error ? cause.message : cause})`, cause);
  }
}

/** A place where no file can be written. */
export function unusable(
  path: string,
  found: string,
  cause?: unknown,
  hint = 'name another file',
): ConvertError {
  return new ConvertError(
    'OUTPUT_UNUSABLE',
    `writing ${path}: found ${found}, wanted a file in a folder that can be written`,
    { hint, cause },
  );
}

/** Of an error of the operating system: `ENOENT`. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}
