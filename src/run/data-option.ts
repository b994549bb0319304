import { resolve } from 'node:path';
import { ConvertError } from '../error.ts';
import { dataObstacleAt } from '../osv/data-mounts.ts';
import { parseMountPath } from '../osv/mounts.ts';

/** A folder of the guest with a disk of its own. */
export interface VolumeWish {
  /** In the guest, absolute. */
  readonly path: string;
  /** On this host, absolute. */
  readonly file?: string;
  /** Bytes of the disk where it is to be made. */
  readonly size?: number;
}

/** A folder of the guest that is one of this host. */
export interface ShareWish {
  /** In the guest, absolute. */
  readonly path: string;
  /** On this host, absolute. */
  readonly folder?: string;
}

const units: Readonly<Record<string, number>> = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

const smallest = 4 * 2 ** 20;

/** Blocks have numbers of 32 bits, and 4 KiB each. */
const largest = 15 * 2 ** 40;

const wantedSize = 'a size of 4M to 15T, in whole K, M, G or T';

/** `1.5G`, `1GB`, `1e9`: who means a size must not be told of a file that is missing. */
const looksLikeSize = /^-?\d+(?:\.\d+)?(?:e\d+)?(?:[kmgtp]i?b?|b)?$/i;

/**
 * Reads `[SIZE:][FILE:]PATH`. PATH begins behind the last colon that a slash follows; a file that is called
 * as a size is `./1G`.
 * @throws ConvertError `USAGE`.
 */
export function parseVolume(text: string): VolumeWish {
  const [, before, path = text] = /^(.+):(\/[^:]*)$/s.exec(text) ?? [];
  const [, digits, unit, file = before] =
    /^(\d{1,9})([KMGT])(?:$|:(.+)$)/is.exec(before ?? '') ?? [];
  const isSize = digits !== undefined && unit !== undefined;
  const name = isSize && file === before ? undefined : file;
  if (name?.includes('\0')) throw refused('--volume', text, 'a path without NUL');
  if (name !== undefined && !isSize && looksLikeSize.test(name)) {
    throw refused(
      '--volume',
      text,
      wantedSize,
      `--volume ./${name}:${path} for a file of that name`,
    );
  }
  return {
    path: parseDataPath('--volume', path),
    ...(isSize && { size: sizeOf(digits, unit, text) }),
    ...(name !== undefined && { file: resolve(name) }),
  };
}

function parseDataPath(option: string, text: string): string {
  const path = parseMountPath(option, text);
  const obstacle = dataObstacleAt(path);
  if (obstacle === undefined) return path;
  throw refused(option, text, obstacle.replace('wanted ', ''));
}

function sizeOf(digits: string, unit: string, text: string): number {
  const size = Number(digits) * (units[unit.toUpperCase()] ?? 0);
  if (isVolumeSize(size)) return size;
  throw refused('--volume', text, wantedSize);
}

export function isVolumeSize(size: unknown): size is number {
  return typeof size === 'number' && size >= smallest && size <= largest && size % 4096 === 0;
}

/**
 * Reads `[FOLDER:]PATH[:ro]`.
 * @throws ConvertError `USAGE`; also for a share to be written, which OSv cannot (fs/virtiofs/virtiofs_vnops.cc).
 */
export function parseShare(text: string): ShareWish {
  const [, given, option] = /^(.*\/[^:]*):(\w+)$/s.exec(text) ?? [];
  if (option !== undefined && option !== 'ro') {
    throw refused('--share', text, 'no option but ro: OSv only reads shares', '--volume 1G:PATH');
  }
  const words = given ?? text;
  const [, folder, path = words] = /^(.+):(\/[^:]*)$/s.exec(words) ?? [];
  if (folder?.includes('\0')) throw refused('--share', text, 'a path without NUL');
  return {
    path: parseDataPath('--share', path),
    ...(folder !== undefined && { folder: resolve(folder) }),
  };
}

function refused(option: string, text: string, wanted: string, hint?: string): ConvertError {
  const found = JSON.stringify(text.slice(0, 160));
  return new ConvertError(
    'USAGE',
    `reading ${option}: found ${found}, wanted ${wanted}`,
    hint === undefined ? {} : { hint },
  );
}
