import { Buffer } from 'node:buffer';
import {
  type Entry,
  encodeName,
  type FileEntry,
  type Limits,
  StoreError,
} from '../../store/index.ts';
import { contentOf, readTar, sha256Of } from '../support/read-tar.ts';
import type { Random } from './random.ts';

/** Zeros in holes are hashed: with the default of 4 GiB a case could take seconds, and rightly so. */
const tame: Partial<Limits> = { holes: 2 ** 22 };
const tight: Partial<Limits> = {
  holes: 2 ** 16,
  entries: 6,
  nameLength: 120,
  extendedHeader: 2048,
  metadata: 4096,
};

/**
 * Reads `tar`, whatever it is, and says how that ended: `accepted` or the code of a StoreError.
 * @throws Error when reading it breaks a promise: another error, a result that depends on where the
 * input is cut, a name that no path can have, a file that does not lie in the tar, a digest that is
 * not that of the bytes.
 */
export function readHostileTar(tar: Uint8Array, random: Random): string {
  const limits = random.chance(0.2) ? tight : tame;
  const whole = read(tar, limits, []);
  const sizes = Array.from({ length: 2 + random.below(60) }, () =>
    random.chance(0.3) ? random.below(tar.length + 1) : random.below(1030),
  );
  const parts = read(tar, limits, sizes);
  if (JSON.stringify(parts) !== JSON.stringify(whole)) {
    throw new Error(
      `in pieces of ${sizes}: ${JSON.stringify(parts)}, whole: ${JSON.stringify(whole)}`,
    );
  }
  if (!('entries' in whole)) return whole.code;
  for (const entry of whole.entries) check(entry, tar);
  return 'accepted';
}

function read(tar: Uint8Array, limits: Partial<Limits>, sizes: readonly number[]) {
  try {
    return { entries: readTar(tar, limits, sizes) };
  } catch (error) {
    if (error instanceof StoreError && /^LAYER_(CORRUPT|LIMIT)$/.test(error.code)) {
      return { code: error.code, message: error.message };
    }
    throw error;
  }
}

function check(entry: Entry, tar: Uint8Array): void {
  const fail = (what: string): never => {
    throw new Error(`${what}: ${JSON.stringify(entry).slice(0, 2000)}`);
  };
  const isPath = (path: string) =>
    path === '' || path.split('/').every((name) => !['', '.', '..'].includes(name));
  if (!isPath(entry.path) || entry.path.includes('\0')) fail('no path');
  if (encodeName(entry.path).length > 4096) fail('too long a path');
  if (entry.kind === 'hardlink' && !isPath(entry.target)) fail('no path of a target');
  if (entry.kind === 'whiteout' || entry.kind === 'opaque') return;
  for (const id of [entry.uid, entry.gid]) {
    if (!(Number.isInteger(id) && id >= 0 && id < 2 ** 32)) fail('no owner');
  }
  if (!(entry.mode >= 0 && entry.mode <= 0o7777)) fail('no mode');
  if (!Number.isFinite(entry.mtime)) fail('no time');
  if (entry.kind === 'file') checkFile(entry, tar, fail);
}

function checkFile(entry: FileEntry, tar: Uint8Array, fail: (what: string) => never): void {
  const { size, offset, extents, digest } = entry;
  let end = 0;
  for (const extent of extents ?? [{ position: 0, offset, length: size }]) {
    if (!(extent.position >= end && extent.length >= 0)) fail('extents out of order');
    end = extent.position + extent.length;
    if (!(end <= size && extent.offset + extent.length <= tar.length)) fail('bytes out of the tar');
  }
  if (sha256Of(contentOf(Buffer.from(tar.buffer, tar.byteOffset, tar.length), entry)) !== digest) {
    fail('another digest');
  }
}
