import { type Digest, decodeName, type Store } from '../store/index.ts';
import { imageOf } from './disk/access-pieces.ts';
import { type KernelDisk, readKernelDisk, withCommandLine, withLoader } from './disk/edit.ts';
import { refuseInUse } from './disk/edit-use.ts';
import { openWholeDisk } from './disk/open-disk.ts';
import { writeImage } from './disk/output.ts';
import { openOutputFile } from './disk/output-file.ts';
import { compressionOf } from './disk/qcow2-compression.ts';
import { refuseSnapshots } from './disk/qcow2-snapshots.ts';
import type { ReadFormat } from './disk/read-format.ts';
import { writeReport } from './disk-output.ts';
import { ConvertError } from './error.ts';
import type { OnEvent } from './event.ts';
import {
  type EnvEdit,
  type ProgramEdit,
  readCommandLine,
  withEnv,
  withProgram,
} from './osv/command-line-edit.ts';
import { parseCommandLine } from './osv/command-line-parse.ts';
import type { Kernel } from './osv/kernel.ts';
import { kernelLacks } from './osv/kernel-needs.ts';
import { findKernel } from './osv/kernels.ts';
import { findReport, revisedReport } from './report-file.ts';
import type { SyncAccess } from './tree/access.ts';

export interface EditDiskOptions {
  readonly onEvent?: OnEvent;
  readonly signal?: AbortSignal;
}

/** A disk that was changed. Sizes in bytes. */
export interface EditedDisk {
  readonly name: string;
  readonly format: ReadFormat;
  readonly size: number;
  /** Bytes that are not UTF-8 are lone surrogates, as in names of files. */
  readonly commandLine: string;
  readonly partition: { readonly offset: number; readonly size: number };
  /** Where the report beside the disk was kept true: `FILE.json`. */
  readonly report: string | null;
}

/**
 * Each edit writes the whole disk anew beside the old one, which it replaces in one step: whatever happens
 * meanwhile, a power cut too, there is the old disk or the new one. A changed command line lies in many
 * sectors, of which a disk may lose some when they are written in place. Format and compression stay;
 * `FILE.json` is kept true, after the disk.
 *
 * @throws ConvertError, as all edits do: `DISK_UNSUPPORTED` for a disk without a kernel, or one that cannot
 * be written again without loss; `DISK_INVALID`, `OUTPUT_UNUSABLE` (also for a disk in use), `OUTPUT_FULL`,
 * `USAGE`, `COMMAND_LINE_INEXPRESSIBLE`.
 */
export async function setCommandLine(
  path: string,
  line: Uint8Array | ProgramEdit,
  options: EditDiskOptions = {},
): Promise<EditedDisk> {
  return await editLine(path, options, (old) => {
    if (!(line instanceof Uint8Array)) return withProgram(readCommandLine(old, path), line);
    const parsed = parseCommandLine(line);
    if (!('reason' in parsed)) return line;
    throw new ConvertError(
      'USAGE',
      `changing the command line: found ${parsed.reason}, wanted a line that OSv can read`,
    );
  });
}

export async function setEnvironment(
  path: string,
  edit: EnvEdit,
  options: EditDiskOptions = {},
): Promise<EditedDisk> {
  return await editLine(path, options, (old) => withEnv(readCommandLine(old, path), edit));
}

export interface ReplaceKernelOptions extends EditDiskOptions {
  /** Of the store; the default one when absent. */
  readonly kernel?: string;
  /** A kernel the app of the report cannot run on, too. */
  readonly force?: boolean;
}

/** @throws ConvertError `KERNEL_NOT_FOUND`, `KERNEL_INVALID`, `KERNEL_UNSUITABLE` besides; StoreError. */
export async function replaceKernel(
  store: Store,
  path: string,
  { kernel: name, force = false, ...options }: ReplaceKernelOptions = {},
): Promise<EditedDisk> {
  const kernel = await findKernel(store, name);
  const loader = await loaderOf(store, kernel);
  return await edit(path, options, async (disk) => {
    if (!force) await refuseUnsuitable(path, kernel);
    return { disk: withLoader(disk, loader, path), kernel };
  });
}

async function editLine(
  path: string,
  options: EditDiskOptions,
  change: (old: Uint8Array) => Uint8Array,
): Promise<EditedDisk> {
  return await edit(path, options, async (disk) => {
    return { disk: withCommandLine(disk, change(disk.commandLine)) };
  });
}

interface Change {
  readonly disk: SyncAccess;
  readonly kernel?: Kernel;
}

async function edit(
  path: string,
  { onEvent, signal }: EditDiskOptions,
  change: (disk: KernelDisk) => Promise<Change>,
): Promise<EditedDisk> {
  refuseInUse(path);
  refuseSnapshots(path);
  for (const output of [path, `${path}.json`]) openOutputFile(output).discard();
  const { disk: old, format, close } = await openWholeDisk(path);
  try {
    const compression = compressionOf(path);
    const { disk, kernel } = await change(readKernelDisk(old, path));
    const { commandLine, partition } = readKernelDisk(disk, path);
    const { size } = await writeImage(imageOf(disk), path, {
      format,
      ...(compression && { compression }),
      ...(signal && { signal }),
      onProgress: (progress) => onEvent?.({ event: 'write', path, ...progress }),
    });
    const report = await findReport(`${path}.json`);
    if (typeof report === 'object') {
      const revised = revisedReport(report, { commandLine, size, partition, kernel });
      await writeReport(revised, `${path}.json`);
    } else if (report === 'foreign') {
      onEvent?.({ event: 'warning', text: `${path}.json is no report of a disk: left as it is` });
    }
    const told = typeof report === 'object' ? `${path}.json` : null;
    return {
      name: path,
      format,
      size,
      commandLine: decodeName(commandLine),
      partition,
      report: told,
    };
  } finally {
    close();
  }
}

/** Of a loader.img that is read whole: OSv's are 2 to 5 MB. */
const loaderCap = 64 << 20;

async function loaderOf(store: Store, kernel: Kernel): Promise<SyncAccess> {
  if (kernel.loader === undefined) {
    throw new ConvertError(
      'KERNEL_NOT_FOUND',
      `replacing the kernel: kernel ${kernel.name} has an ELF only, wanted a loader.img, which boots from a disk`,
      { hint: `osv-convert kernel add --name ${kernel.name} loader.img` },
    );
  }
  const digest: Digest = kernel.loader.digest;
  const bytes = await store.blobs.read(digest, loaderCap);
  return { size: bytes.length, read: (at, length) => bytes.subarray(at, at + length) };
}

/** What is known of the app on the disk is what its report says. */
async function refuseUnsuitable(path: string, kernel: Kernel): Promise<void> {
  const report = await findReport(`${path}.json`);
  const isNative = typeof report !== 'object' || report.app.kind === 'native-aot';
  const needs = {
    architecture: 'x86_64',
    hiddenSymbols: !isNative,
    tlsSize: 0,
    capabilities: [],
  } as const;
  const [lack] = kernelLacks({ kernel, capabilities: [] }, needs);
  if (lack === undefined) return;
  throw new ConvertError(
    'KERNEL_UNSUITABLE',
    `replacing the kernel of ${path}: found kernel ${kernel.name} (${lack.text}), wanted one for x86_64 with hidden symbols, as the app needs it`,
    { hint: 'osv-convert kernel ls\nor all the same: --force' },
  );
}
