import { statSync } from 'node:fs';
import { join } from 'node:path';
import { openFileAccess } from '../disk/file-access.ts';
import { kindOf, kindReach } from '../disk/file-kind.ts';
import { foreignHint, isComputeDisk, unpackingOf } from '../disk/foreign-hint.ts';
import { hasBootSignature, sectorSize } from '../disk/mbr.ts';
import { formatOf } from '../disk/read-format.ts';
import { ConvertError, type ErrorCode } from '../error.ts';
import { isRofs } from '../rofs/format.ts';
import { shellWord } from '../shell-word.ts';
import type { SyncAccess } from '../tree/access.ts';

/** What is thrown where a name leads to no image. Docker Hub wants credentials for what it does not have. */
const unfound: readonly ErrorCode[] = [
  'REFERENCE_INVALID',
  'IMAGE_NOT_FOUND',
  'AUTH_REQUIRED',
  'ACCESS_DENIED',
  'REGISTRY_UNREACHABLE',
  'OFFLINE',
];

/**
 * The error of looking for an image called `text`; where none was found, and a file or folder called exactly so
 * lies on this machine, its hint begins with the command that reads that.
 */
export function withNamesake(text: string, error: unknown): unknown {
  if (!(error instanceof ConvertError) || !unfound.includes(error.code)) return error;
  const namesake = namesakeOf(text);
  if (namesake === undefined) return error;
  const hint = error.hint === undefined ? namesake : `${namesake}\n${error.hint}`;
  return new ConvertError(error.code, error.message, { hint, cause: error.cause ?? error });
}

/** Whether the file at `path` is one that is read here as a disk; false for what cannot be read. */
export function isDisk(path: string): boolean {
  return readHere(path, isDiskIn) ?? false;
}

function namesakeOf(text: string): string | undefined {
  // A path ends at its first colon where a transport is before it.
  if (text.includes(':')) return undefined;
  const path = text.replace(/(?<=.)\/+$/, '');
  if (isFile(join(path, 'oci-layout'))) {
    return `a folder of that name is here: osv-convert ls ${shellWord(`oci:${path}`)}`;
  }
  const command = readHere(path, (file) => commandFor(file, path));
  return command && `a file of that name is here: ${command}`;
}

function commandFor(file: SyncAccess, path: string): string | undefined {
  if (isDiskIn(file)) return `osv-convert disk inspect ${shellWord(path)}`;
  const kind = kindOf(file.read(0, kindReach));
  if (kind?.packed && isComputeDisk(file)) return unpackingOf(path);
  return kind && foreignHint(file, path, kind);
}

function isDiskIn(file: SyncAccess): boolean {
  const head = file.read(0, sectorSize);
  return formatOf(file) !== 'raw' || hasBootSignature(head) || isRofs(head);
}

/** Undefined for what cannot be read: whoever opens it tells why. */
function readHere<T>(path: string, read: (file: SyncAccess) => T): T | undefined {
  try {
    if (!isFile(path)) return undefined;
    const file = openFileAccess(path);
    try {
      return read(file);
    } finally {
      file.close();
    }
  } catch {
    return undefined;
  }
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
