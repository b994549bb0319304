import { existsSync, lstatSync } from 'node:fs';
import { ConvertError } from './error.ts';
import type { VolumeWish } from './run/data-option.ts';
import { shellWord } from './shell-word.ts';

/** A disk for a folder of the guest. */
export interface PlannedVolume {
  /** In the guest. */
  readonly path: string;
  /** On this host, absolute. */
  readonly file: string;
  /** Bytes of one that is not there yet; undefined where it is. */
  readonly size?: number;
}

const gib = 2 ** 30;

/** Bytes that are made because a disk says so: it may be anyone's, and what its guest writes fills the host. */
const unasked = 16 * gib;

/**
 * The volume that is mounted at `path`: the file that is wished, or the one beside `base`.
 * @param builtSize bytes it was to have when the disk was built.
 * @throws ConvertError `USAGE` for one that is not there and whose size nobody said; `OUTPUT_UNUSABLE` for
 * what lies beside the disk and is no file of its own, such as a link to a device.
 */
export function planVolume(
  path: string,
  wish: VolumeWish | undefined,
  builtSize: number | undefined,
  base: string,
): PlannedVolume {
  const file = wish?.file ?? fileBeside(base, path);
  if (existsSync(file)) return { path, file };
  // A name that was typed wrong must not become a new, empty disk.
  const saidSize = wish?.file === undefined ? builtSize : undefined;
  const size = wish?.size ?? (saidSize !== undefined && saidSize <= unasked ? saidSize : undefined);
  if (size !== undefined) return { path, file, size };
  const wanted = `${Math.ceil((saidSize ?? 1) / gib)}G:${wish?.file === undefined ? '' : `${file}:`}${path}`;
  throw new ConvertError(
    'USAGE',
    `planning the volume ${path}: found no file ${file}, wanted one, or a size to make it with`,
    { hint: `--volume ${shellWord(wanted)}` },
  );
}

/** Nobody named it, so it must be what it is called: a link could lead to any file or device of the user. */
function fileBeside(base: string, path: string): string {
  const file = `${base}${path.replaceAll(/[/\p{C}]/gu, '-')}.ext4`;
  const found = kindOf(file);
  if (found === 'file' || found === 'nothing') return file;
  throw new ConvertError(
    'OUTPUT_UNUSABLE',
    `planning the volume ${path}: found ${found} at ${file}, wanted a regular file, or the name of one`,
    { hint: `--volume ${shellWord(`1G:FILE:${path}`)}` },
  );
}

function kindOf(file: string): string {
  try {
    const stat = lstatSync(file, { throwIfNoEntry: false });
    if (stat === undefined) return 'nothing';
    return stat.isFile() ? 'file' : 'a link, folder or device';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
