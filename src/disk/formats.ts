import { ConvertError } from '../error.ts';
import { refuseForeignEnding } from './foreign-endings.ts';

/** Kinds of files that hold a disk. */
export const diskFormats = [
  'raw',
  'qcow2',
  'vmdk',
  'vdi',
  'vhd',
  'vhd-dynamic',
  'gce',
  'ova',
] as const;

export type DiskFormat = (typeof diskFormats)[number];

/** What a disk can be written as: a file, or an image of KubeVirt in the store. */
export const outputFormats = [...diskFormats, 'containerdisk'] as const;

export type OutputFormat = (typeof outputFormats)[number];

export const compressions = ['zlib', 'zstd'] as const;

/** How the clusters of a qcow2 disk are compressed. */
export type Compression = (typeof compressions)[number];

interface FormatRules {
  /** Of file names, in lower case. */
  readonly endings: readonly string[];
  /** The size of the disk is a multiple of this, in bytes. */
  readonly unit: number;
  /** In bytes. */
  readonly maxSize: number;
  /** Whether a kernel can come from elsewhere where such a file is booted. */
  readonly takesDirect: boolean;
}

const gib = 2 ** 30;

const rules: Readonly<Record<DiskFormat, FormatRules>> = {
  raw: { endings: ['.raw', '.img'], unit: 512, maxSize: 2 ** 53, takesDirect: true },
  // As in QEMU, block/qcow2.h: QCOW_MAX_L1_SIZE, at 64 KiB a cluster.
  qcow2: { endings: ['.qcow2'], unit: 512, maxSize: 2 ** 51, takesDirect: true },
  // VMware, Virtual Disk Format 5.0: the capacity is a multiple of the grain; sectors of the file have 32 bits.
  vmdk: { endings: ['.vmdk'], unit: 65_536, maxSize: 2 ** 41, takesDirect: true },
  // VirtualBox, VDICore.h: a block of 1 MiB has a number of 32 bits, the last two of which mean something else.
  vdi: { endings: ['.vdi'], unit: 512, maxSize: 2 ** 49, takesDirect: true },
  // Azure wants whole MiB; Virtual Hard Disk Image Format Specification: 2040 GiB.
  vhd: { endings: ['.vhd'], unit: 2 ** 20, maxSize: 2040 * gib, takesDirect: true },
  // Of the same size, so that either can be made of the other.
  'vhd-dynamic': { endings: [], unit: 2 ** 20, maxSize: 2040 * gib, takesDirect: true },
  // Compute Engine, "Manually import boot disks": whole GiB.
  gce: { endings: ['.tar.gz', '.tgz'], unit: gib, maxSize: 2 ** 53, takesDirect: false },
  ova: { endings: ['.ova'], unit: 65_536, maxSize: 2 ** 41, takesDirect: false },
};

/**
 * The format that a file called `name` is to have; raw where its ending tells nothing.
 * @throws ConvertError `USAGE` where it tells of another kind of file, which is not written.
 */
export function formatOfName(name: string): DiskFormat {
  const lower = name.toLowerCase();
  const named = diskFormats.find((one) => rules[one].endings.some((end) => lower.endsWith(end)));
  if (named !== undefined) return named;
  refuseForeignEnding(name);
  return 'raw';
}

/**
 * The size of a disk of `size` bytes in a file of this format: what is missing to a whole unit of it is zeros.
 * @throws ConvertError `DISK_UNSUPPORTED` where the format has no room for it.
 */
export function diskSizeIn(format: DiskFormat, size: number): number {
  const { unit, maxSize } = rules[format];
  const whole = Math.ceil(Math.max(size, 1) / unit) * unit;
  if (whole <= maxSize) return whole;
  throw new ConvertError(
    'DISK_UNSUPPORTED',
    `laying out the disk: found ${size} bytes, wanted at most ${maxSize} for the format ${format}`,
    { hint: 'use --format raw' },
  );
}

/** @throws ConvertError `USAGE` for a disk without a kernel where nobody brings one. */
export function refuseDirect(format: DiskFormat, boot: 'bios' | 'direct'): void {
  if (boot === 'bios' || rules[format].takesDirect) return;
  throw new ConvertError(
    'USAGE',
    `laying out the disk: found direct boot with the format ${format}, wanted a kernel on the disk, for a cloud brings none`,
    { hint: 'build with --boot bios' },
  );
}

/** @throws ConvertError `USAGE` for a format beside which there is no place for a kernel. */
export function refuseKernelBeside(format: OutputFormat): void {
  if (format !== 'containerdisk' && rules[format].takesDirect) return;
  throw new ConvertError(
    'USAGE',
    `laying out the disk: found the format ${format} with a kernel that cannot be on the disk, as on aarch64; wanted a format of files`,
    {
      hint: 'build with --format raw\nor with --boot direct, where the kernel comes from elsewhere',
    },
  );
}

/** @throws ConvertError `USAGE` for a format whose compression cannot be chosen. */
export function refuseCompression(format: DiskFormat, compression: Compression | undefined): void {
  if (compression === undefined || format === 'qcow2') return;
  throw new ConvertError(
    'USAGE',
    `writing the disk: found a compression (${compression}) with the format ${format}, wanted one with qcow2 only`,
    {
      hint: 'leave --compress out (vmdk, ova and gce are always compressed), or use --format qcow2',
    },
  );
}
