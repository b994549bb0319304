import { ConvertError } from '../error.ts';

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
  return `qemu-img convert -O raw ${file} disk.raw`;
}

function sentence(file: string, found: string, wanted: string): string {
  return `reading the disk ${JSON.stringify(file)}: found ${found}, wanted ${wanted}`;
}
