import { ConvertError } from '../error.ts';
import {
  commandLineOffset,
  countOffset,
  countUnit,
  kernelOffset,
  maxCommandLine,
} from '../osv/loader-layout.ts';
import type { RofsPlan } from '../rofs/plan.ts';
import { rofsSegments } from '../rofs/write.ts';
import type { SyncAccess } from '../tree/access.ts';
import { type Partition, sectorSize, withPartition } from './mbr.ts';
import type { Segment } from './segment.ts';

/** A disk with every number decided. */
export interface DiskPlan {
  /** `bios`: the kernel is on the disk. `direct`: the hypervisor brings kernel and command line. */
  readonly boot: 'bios' | 'direct';
  /** In bytes, a multiple of 512. */
  readonly size: number;
  readonly partition: Partition;
  /** All that is not zero, ascending; made anew for each call. */
  segments(): Iterable<Segment>;
}

export interface BiosDisk {
  /** OSv's `loader.img`: boot sector, room for the command line, compressed kernel. */
  readonly loader: SyncAccess;
  /** Without its final NUL. */
  readonly commandLine: Uint8Array;
  readonly rofs: RofsPlan;
}

export interface DirectDisk {
  readonly rofs: RofsPlan;
}

/** scripts/build rounds the loader up to this. */
const partitionAlignment = 2 * 1024 * 1024;

/** Where the partition begins behind a loader of `size` bytes. */
export function partitionOffsetFor(size: number): number {
  return Math.ceil(size / partitionAlignment) * partitionAlignment;
}

/**
 * Lays out a disk: with a loader for x86_64 the BIOS form of OSv's scripts/build, without one the form of its
 * `--create-disk`, which is that of all disks for aarch64. The disk ends where the ROFS does.
 *
 * @throws ConvertError `KERNEL_INVALID` for a loader that is none, `COMMAND_LINE_INEXPRESSIBLE` for a
 * command line above 32 255 bytes or with a NUL.
 */
export function planDisk(parts: BiosDisk | DirectDisk): DiskPlan {
  return 'loader' in parts ? planBios(parts) : planDirect(parts);
}

function planBios({ loader, commandLine, rofs }: BiosDisk): DiskPlan {
  checkCommandLine(commandLine);
  const bootSector = readBootSector(loader);
  const offset = partitionOffsetFor(loader.size);
  const partition = { offset, size: rofs.size };
  const kernel: Segment = {
    offset: kernelOffset,
    length: loader.size - kernelOffset,
    source: { kind: 'access', access: loader, offset: kernelOffset },
  };
  return planOf('bios', partition, rofs, [
    bytesAt(0, withPartition(bootSector, partition)),
    // What the loader's own file has here, such as an older command line, is left behind.
    bytesAt(commandLineOffset, commandLine),
    kernel,
  ]);
}

function planDirect({ rofs }: DirectDisk): DiskPlan {
  const partition = { offset: sectorSize, size: rofs.size };
  return planOf('direct', partition, rofs, [
    bytesAt(0, withPartition(new Uint8Array(sectorSize), partition)),
  ]);
}

function planOf(
  boot: DiskPlan['boot'],
  partition: Partition,
  rofs: RofsPlan,
  head: readonly Segment[],
): DiskPlan {
  return {
    boot,
    size: partition.offset + partition.size,
    partition,
    *segments() {
      yield* head;
      for (const segment of rofsSegments(rofs)) {
        yield { ...segment, offset: partition.offset + segment.offset };
      }
    },
  };
}

function bytesAt(offset: number, bytes: Uint8Array): Segment {
  return { offset, length: bytes.length, source: { kind: 'bytes', bytes } };
}

/** @throws ConvertError `COMMAND_LINE_INEXPRESSIBLE` for more than `limit`, which `why` tells, and for a NUL. */
export function checkCommandLine(
  commandLine: Uint8Array,
  limit = maxCommandLine,
  why = 'all that the boot sector loads',
): void {
  if (commandLine.length > limit) {
    throw new ConvertError(
      'COMMAND_LINE_INEXPRESSIBLE',
      `laying out the disk: found a command line of ${commandLine.length} bytes, ` +
        `wanted at most ${limit}, ${why}`,
    );
  }
  if (commandLine.includes(0)) {
    throw new ConvertError(
      'COMMAND_LINE_INEXPRESSIBLE',
      `laying out the disk: found a NUL at byte ${commandLine.indexOf(0)} of the command line, wanted none`,
    );
  }
}

/**
 * The loader's first sector, once the loader is known to hold all that it loads.
 * @throws ConvertError `KERNEL_INVALID`.
 */
export function readBootSector(loader: SyncAccess): Uint8Array {
  const sector = Buffer.from(loader.read(0, sectorSize));
  if (sector.length < sectorSize || sector.readUInt16LE(sectorSize - 2) !== 0xaa55) {
    throw invalid('no boot sector', 'one that ends in 55 aa');
  }
  const count = sector.readUInt16LE(countOffset);
  const end = kernelOffset + count * countUnit;
  if (count === 0 || loader.size < end) {
    throw invalid(
      `a kernel up to byte ${end} in a file of ${loader.size} bytes`,
      'all of a kernel',
    );
  }
  return sector;
}

function invalid(found: string, wanted: string): ConvertError {
  return new ConvertError(
    'KERNEL_INVALID',
    `laying out the disk: in the loader found ${found}, wanted ${wanted}`,
    { hint: 'use an unmodified loader.img (osv-loader*.qemu.x86_64) of an OSv release' },
  );
}
