import { ConvertError } from '../error.ts';
import { shellWord } from '../shell-word.ts';
import { unreadHint } from '../unread-file.ts';

/** A disk that says of itself what cannot be. `file` is its path. */
export function invalidDisk(file: string, found: string, wanted: string): ConvertError {
  return new ConvertError('DISK_INVALID', sentence(file, found, wanted));
}

/** A file that may be sound, and is of no kind that is read here. */
export function unsupportedDisk(
  file: string,
  found: string,
  wanted: string,
  hint?: string,
): ConvertError {
  return new ConvertError(
    'DISK_UNSUPPORTED',
    sentence(file, found, wanted),
    hint === undefined ? {} : { hint },
  );
}

/** The command that makes of any disk QEMU knows one that is read here. */
export function conversionOf(file: string): string {
  return `qemu-img convert -O raw ${shellWord(file)} disk.raw`;
}

/** A file that cannot be opened, or is none. */
export function unreadableDisk(file: string, found: string, cause?: unknown): ConvertError {
  const opening = `opening the disk ${JSON.stringify(file)}`;
  if (isForbidden(cause)) {
    return new ConvertError(
      'ACCESS_DENIED',
      `${opening}: found a file this user may not read, wanted one to read`,
      { hint: `ls -l ${shellWord(file)}`, cause },
    );
  }
  return new ConvertError('USAGE', `${opening}: found ${found}, wanted a file to read`, {
    hint: unreadHint(file, cause) ?? `ls -ld ${shellWord(file)}`,
    cause,
  });
}

function isForbidden(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && ['EACCES', 'EPERM'].includes(`${cause.code}`);
}

function sentence(file: string, found: string, wanted: string): string {
  return `reading the disk ${JSON.stringify(file)}: found ${found}, wanted ${wanted}`;
}
