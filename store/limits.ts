import { StoreError } from './error.ts';

/**
 * What a layer may cost before the store gives it up with `LAYER_LIMIT`. A few kilobytes from a
 * registry can describe petabytes of zeros or millions of names; these caps bound time, disk and
 * memory. Sizes are in bytes.
 */
export interface Limits {
  /** The uncompressed tar. */
  readonly layerSize: number;
  /**
   * Uncompressed bytes for each compressed one, once `ratioFloor` bytes have come out. Deflate can
   * give 1032 and gives nearly that for zeros, zstd far more; the emptiest layers in use, raw disks
   * of virtual machines, are a hundred times their compressed size.
   */
  readonly ratio: number;
  readonly ratioFloor: number;
  /** What a frame of zstd looks back on, which is held in memory (RFC 8878, "Window Descriptor"). */
  readonly zstdWindow: number;
  /** Members of the tar. */
  readonly entries: number;
  /** One path or link target (`PATH_MAX` of Linux). */
  readonly nameLength: number;
  /** One extended header or sparse map (as Go's archive/tar has it). */
  readonly extendedHeader: number;
  /** Names, link targets, extended attributes and sparse maps of all members together. */
  readonly metadata: number;
  /** Zeros in the holes of all sparse files together: they are hashed, though not stored. */
  readonly holes: number;
}

/** Far above what images have: they stop attacks, not software. */
export const defaultLimits: Limits = {
  layerSize: 64 * 2 ** 30,
  ratio: 500,
  ratioFloor: 2 ** 30,
  zstdWindow: 2 ** 27,
  entries: 1_000_000,
  nameLength: 4096,
  extendedHeader: 2 ** 20,
  metadata: 128 * 2 ** 20,
  holes: 4 * 2 ** 30,
};

/**
 * `LAYER_LIMIT`. The hint doubles the limit, or raises it to what is `needed`, where that is known
 * to be more.
 */
export function overLimit(
  action: string,
  found: string,
  limits: Limits,
  name: keyof Limits,
  needed = 0,
): StoreError {
  const limit = limits[name];
  const enough = Math.max(2 * limit, Math.ceil(needed));
  return new StoreError(
    'LAYER_LIMIT',
    `${action}: found ${found}, wanted at most ${limit} (the limit ${name}, to be raised for an image you trust)`,
    { hint: `osv-convert pull --limit ${name}=${enough} IMAGE` },
  );
}
