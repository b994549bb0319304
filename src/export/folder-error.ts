import { dirname, resolve } from 'node:path';
import { ConvertError } from '../error.ts';
import { shellWord } from '../shell-word.ts';
import { MovedError } from './folder-cursor.ts';
import { type Place, pathOfPlace } from './folder-names.ts';

/** What a failure at one name means to the user; one that is not of the host's files stays as it is. */
export function folderError(folder: string, place: Place, cause: unknown): unknown {
  const at = `writing ${folder}: at ${JSON.stringify(pathOfPlace(place).slice(-200))} of the image found`;
  const unusable = (
    found: string,
    wanted: string,
    hint = `df -hT ${placeOf(folder)}`,
  ): ConvertError =>
    new ConvertError('OUTPUT_UNUSABLE', `${at} ${found}, wanted ${wanted}`, { hint, cause });

  if (cause instanceof MovedError) return unusable(...disturbed);
  switch (systemCodeOf(cause)) {
    case undefined:
      return cause;
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return outputFull(folder, at, cause);
    case 'ENAMETOOLONG':
      return unusable(
        `a name of ${Buffer.byteLength(place.name)} bytes`,
        'one that the file system of the folder takes',
        elsewhere,
      );
    case 'EEXIST':
      return unusable(
        'its name taken by another of the folder',
        'a file system that tells capitals and small letters apart, and no other process at work there',
        elsewhere,
      );
    case 'EILSEQ':
    case 'EINVAL':
      return unusable('a name the file system refuses', 'one that takes any bytes', elsewhere);
    case 'EMLINK':
      return unusable('more names of one file than the file system takes', 'fewer', elsewhere);
    case 'ELOOP':
    case 'ENOTDIR':
    case 'ENOENT':
    case 'ENOTEMPTY':
      return unusable(...disturbed);
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return unusable('it not permitted', 'a folder that can be written');
    default:
      return unusable(`an error (${messageOf(cause)})`, 'none');
  }
}

const elsewhere = 'name a folder on another file system, or write a tar: --to FILE.tar';

const disturbed = [
  'the folder changed by another process while it was written',
  'it left alone',
  'run the command again',
] as const;

export function outputFull(folder: string, at: string, cause: unknown): ConvertError {
  return new ConvertError('OUTPUT_FULL', `${at} no room left, wanted room for all files`, {
    hint: `df -h ${placeOf(folder)}`,
    cause,
  });
}

/** The folder itself is removed again. */
function placeOf(folder: string): string {
  return shellWord(dirname(resolve(folder)));
}

/** The code of a failed call of the operating system, such as `ENOSPC`. */
export function systemCodeOf(error: unknown): string | undefined {
  return error instanceof Error && 'syscall' in error && 'code' in error
    ? String(error.code)
    : undefined;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
