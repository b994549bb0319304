/**
 * What a layer may cost before the store gives it up with `LAYER_LIMIT`. A few kilobytes from a
 * registry can describe petabytes of zeros or millions of names; these caps bound time, disk and
 * memory. Sizes are in bytes.
 */
export interface Limits {
  /** The uncompressed tar. */
  readonly layerSize: number;
  /** Uncompressed bytes for each compressed one, once `ratioFloor` bytes have come out. */
  readonly ratio: number;
  readonly ratioFloor: number;
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
  ratio: 2000,
  ratioFloor: 2 ** 30,
  entries: 1_000_000,
  nameLength: 4096,
  extendedHeader: 2 ** 20,
  metadata: 128 * 2 ** 20,
  holes: 4 * 2 ** 30,
};
