import { statSync } from 'node:fs';
import { type Digest, decodeName, digestOf } from '../store/index.ts';
import { hasKernel, type KernelDisk, readKernelDisk } from './disk/edit.ts';
import type { Compression } from './disk/formats.ts';
import { partitionIn, sectorSize } from './disk/mbr.ts';
import { openDisk, openWholeDisk } from './disk/open-disk.ts';
import { compressionOf } from './disk/qcow2-compression.ts';
import type { ReadFormat } from './disk/read-format.ts';
import { ConvertError } from './error.ts';
import { type CommandLineParts, partsOf } from './osv/command-line-edit.ts';
import { parseCommandLine } from './osv/command-line-parse.ts';
import { type InspectedKernel, inspectKernelFile } from './osv/kernel-inspect.ts';
import { maxCommandLine } from './osv/loader-layout.ts';
import type { Report } from './report.ts';
import { findReport } from './report-file.ts';
import { isRofs } from './rofs/format.ts';
import { type RofsTotals, rofsTotals } from './rofs/totals.ts';
import type { SyncAccess } from './tree/access.ts';

/** What a finished disk tells of itself. Sizes in bytes. */
export interface DiskDescription {
  readonly name: string;
  readonly format: ReadFormat;
  readonly compression?: Compression;
  /** Of the disk, as a machine sees it; of its file; of what the file system uses for that. */
  readonly size: number;
  readonly fileSize: number;
  readonly allocated: number;
  /** `bios`: the kernel is on it. `direct`: the hypervisor brings it. `rofs`: no disk, but a ROFS alone. */
  readonly form: 'bios' | 'direct' | 'rofs';
  readonly kernel: DiskKernel | null;
  readonly commandLine: DiskCommandLine | null;
  readonly partition: { readonly offset: number; readonly size: number } | null;
  readonly rofs: Omit<RofsTotals, 'superblock'>;
  readonly report: ReportState;
}

export interface DiskKernel
  extends Pick<InspectedKernel, 'architecture' | 'version' | 'symbols' | 'tlsLimit'> {
  /** Of loader.img as it was before it was put on the disk. */
  readonly digest: Digest;
  readonly size: number;
}

export interface DiskCommandLine {
  /** Without its NUL; bytes that are not UTF-8 are lone surrogates. */
  readonly text: string;
  readonly bytes: number;
  /** Bytes that the boot sector loads. */
  readonly limit: number;
  /** What OSv makes of it, or why it would power off. */
  readonly meaning: CommandLineParts | { readonly reason: string };
}

/** `FILE.json`: missing, none of ours, of this disk, or of one that it is no more. */
export type ReportState =
  | { readonly state: 'none' | 'foreign' | 'true' }
  | { readonly state: 'differs'; readonly differences: readonly string[] };

/**
 * Reads a disk's head, its tables and the report beside it.
 * @throws ConvertError `USAGE`, `ACCESS_DENIED`, `DISK_UNSUPPORTED`, `DISK_INVALID`, `ROFS_INVALID`.
 */
export async function describeDisk(path: string): Promise<DiskDescription> {
  const { disk, format, close } = await openWholeDisk(path);
  try {
    const rofs = await totalsOf(path);
    const head = hasKernel(disk) ? readKernelDisk(disk, path) : undefined;
    const { size: fileSize, blocks } = statSync(path);
    const compression = compressionOf(path);
    const described = {
      name: path,
      format,
      ...(compression && { compression }),
      size: disk.size,
      fileSize,
      allocated: blocks * 512,
      form: head ? 'bios' : isRofs(disk.read(0, sectorSize)) ? 'rofs' : 'direct',
      kernel: head ? kernelOn(head) : null,
      commandLine: head ? commandLineOf(head) : null,
      partition: head?.partition ?? partitionOf(disk),
      rofs,
    } as const;
    return { ...described, report: reportState(await findReport(`${path}.json`), described) };
  } finally {
    close();
  }
}

async function totalsOf(path: string): Promise<DiskDescription['rofs']> {
  const disk = await openDisk(path);
  try {
    const { superblock: _, ...totals } = rofsTotals(disk.rofs);
    return totals;
  } finally {
    disk.close();
  }
}

function partitionOf(disk: SyncAccess): DiskDescription['partition'] {
  const head = disk.read(0, sectorSize);
  return isRofs(head) ? null : (partitionIn(head) ?? null);
}

/** What is known of the kernel is what its ELF says; a loader that cannot be unpacked is still one. */
function kernelOn({ loader }: KernelDisk): DiskKernel {
  const bytes = loader.read(0, loader.size);
  const own = { digest: digestOf(bytes), size: bytes.length };
  try {
    const { architecture, version, symbols, tlsLimit } = inspectKernelFile('the loader', bytes);
    return {
      ...own,
      architecture,
      symbols,
      ...(version !== undefined && { version }),
      ...(tlsLimit !== undefined && { tlsLimit }),
    };
  } catch (error) {
    if (!(error instanceof ConvertError)) throw error;
    return { ...own, architecture: 'x86_64', symbols: 'unknown' };
  }
}

function commandLineOf({ commandLine }: KernelDisk): DiskCommandLine {
  const parsed = parseCommandLine(commandLine);
  return {
    text: decodeName(commandLine),
    bytes: commandLine.length,
    limit: maxCommandLine,
    meaning: 'reason' in parsed ? parsed : partsOf(parsed),
  };
}

function reportState(
  report: Report | 'none' | 'foreign',
  disk: Omit<DiskDescription, 'report'>,
): ReportState {
  if (typeof report !== 'object') return { state: report };
  const loader = report.kernel?.loader;
  const pairs: readonly (readonly [string, unknown, unknown])[] = [
    ['boot', report.disk.boot, disk.form],
    ['size', report.disk.size, disk.size],
    ['partition', report.disk.partition.offset, disk.partition?.offset],
    ['bytes of the ROFS', report.rofs.bytes, disk.rofs.size],
    ...(disk.commandLine
      ? [['command line', report.commandLine, disk.commandLine.text] as const]
      : []),
    ...(disk.kernel && loader !== undefined
      ? [['kernel', loader, disk.kernel.digest] as const]
      : []),
  ];
  const differences = pairs.flatMap(([what, told, found]) =>
    told === found
      ? []
      : [`${what}: ${JSON.stringify(told)}, and on the disk ${JSON.stringify(found)}`],
  );
  return differences.length === 0 ? { state: 'true' } : { state: 'differs', differences };
}
