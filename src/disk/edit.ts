import { ConvertError } from '../error.ts';
import {
  commandLineOffset,
  countOffset,
  countUnit,
  kernelOffset,
  maxCommandLine,
} from '../osv/loader-layout.ts';
import { kernelSizeCap } from '../osv/recognise.ts';
import { shellWord } from '../shell-word.ts';
import type { SyncAccess } from '../tree/access.ts';
import { assemble, bytesPart } from './assemble.ts';
import { invalidDisk } from './disk-error.ts';
import {
  type Partition,
  partitionIn,
  sectorSize,
  slotsIn,
  startsFromBios,
  withPartition,
} from './mbr.ts';
import { partOf } from './part.ts';
import { checkCommandLine, partitionOffsetFor, readBootSector } from './plan.ts';

/** The head of a disk that has a kernel, and so can be changed without what is behind. */
export interface KernelDisk {
  readonly disk: SyncAccess;
  /** As it was before it was put on the disk, but for a command line of its own. */
  readonly loader: SyncAccess;
  /** Without its NUL. */
  readonly commandLine: Uint8Array;
  readonly partition: Partition;
}

const tableOffset = 0x1be;
const tableSize = 64;

/** Whether a BIOS finds one; a disk without holds partitions alone, or a ROFS alone. */
export function hasKernel(disk: SyncAccess): boolean {
  return startsFromBios(disk.read(0, sectorSize));
}

/**
 * Finds kernel, command line and partition of a disk. Nothing of it is believed.
 * @throws ConvertError `DISK_UNSUPPORTED` for a disk without a kernel; `DISK_INVALID`.
 */
export function readKernelDisk(disk: SyncAccess, path: string): KernelDisk {
  if (!hasKernel(disk)) throw withoutKernel(path);
  const head = Buffer.from(disk.read(0, kernelOffset));
  const size = kernelOffset + head.readUInt16LE(countOffset) * countUnit;
  if (size === kernelOffset || size > Math.min(disk.size, kernelSizeCap)) {
    const found = `a kernel up to byte ${size} on a disk of ${disk.size} bytes`;
    throw invalidDisk(path, found, `all of a kernel, within ${kernelSizeCap} bytes`);
  }
  const partition = partitionIn(head);
  if (partition === undefined || partition.offset < size) {
    const found = partition ? `the partition at byte ${partition.offset}` : 'no second partition';
    throw invalidDisk(path, found, `one behind the kernel, which ends at byte ${size}`);
  }
  if (partition.offset + partition.size > disk.size) {
    const found = `a partition up to byte ${partition.offset + partition.size}`;
    throw invalidDisk(path, found, `its end within the ${disk.size} bytes of the disk`);
  }
  const area = head.subarray(commandLineOffset, commandLineOffset + maxCommandLine + 1);
  const end = area.indexOf(0);
  const commandLine = end === -1 ? area : area.subarray(0, end);
  const bare = Buffer.from(head.subarray(0, sectorSize));
  bare.fill(0, tableOffset, tableOffset + tableSize);
  const code = {
    offset: kernelOffset,
    access: partOf(disk, { offset: kernelOffset, size: size - kernelOffset }),
  };
  return { disk, loader: assemble(size, [bytesPart(0, bare), code]), commandLine, partition };
}

/**
 * The disk with another command line; what an older one left behind its end is gone.
 * @throws ConvertError `COMMAND_LINE_INEXPRESSIBLE`.
 */
export function withCommandLine({ disk }: KernelDisk, line: Uint8Array): SyncAccess {
  checkCommandLine(line);
  const end = commandLineOffset + maxCommandLine + 1;
  return assemble(disk.size, [
    bytesPart(0, disk.read(0, sectorSize)),
    bytesPart(commandLineOffset, line),
    { offset: end, access: partOf(disk, { offset: end, size: disk.size - end }) },
  ]);
}

/**
 * The disk with another kernel: the partition stays where it is as long as the loader fits before it, and
 * moves to where a new disk would have it otherwise, with all that is behind its start.
 * @throws ConvertError `KERNEL_INVALID`; `DISK_UNSUPPORTED` where a partition would move that has neighbours.
 */
export function withLoader(
  { disk, partition }: KernelDisk,
  loader: SyncAccess,
  path: string,
): SyncAccess {
  const old = Buffer.from(disk.read(0, sectorSize));
  const sector = Buffer.from(readBootSector(loader));
  const moves = loader.size > partition.offset;
  if (moves && slotsIn(old).some(({ type }, slot) => type !== 0 && slot !== 1)) {
    throw new ConvertError(
      'DISK_UNSUPPORTED',
      `replacing the kernel of ${JSON.stringify(path)}: found other partitions beside the second, wanted it alone, for it has to move behind a kernel of ${loader.size} bytes`,
      { hint: 'build the disk again: osv-convert build REF -o FILE --kernel NAME' },
    );
  }
  old.copy(sector, tableOffset, tableOffset, tableOffset + tableSize);
  const offset = moves ? partitionOffsetFor(loader.size) : partition.offset;
  const behind = { offset: partition.offset, size: disk.size - partition.offset };
  const codeSize = loader.size - kernelOffset;
  return assemble(offset + behind.size, [
    bytesPart(0, withPartition(sector, { ...partition, offset })),
    bytesPart(sectorSize, disk.read(sectorSize, kernelOffset - sectorSize)),
    { offset: kernelOffset, access: partOf(loader, { offset: kernelOffset, size: codeSize }) },
    { offset, access: partOf(disk, behind) },
  ]);
}

function withoutKernel(path: string): ConvertError {
  return new ConvertError(
    'DISK_UNSUPPORTED',
    `reading the kernel on ${JSON.stringify(path)}: found a disk without one, whose kernel and command line the hypervisor brings; wanted one that a BIOS starts`,
    {
      hint: `osv-convert run ${shellWord(path)} --env NAME=VALUE\nor build it with --boot bios`,
    },
  );
}
