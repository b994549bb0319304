import { readFile, stat } from 'node:fs/promises';
import { type Digest, encodeName, parseDigest } from '../../store/index.ts';
import { openFileAccess } from '../disk/file-access.ts';
import { refusePacked } from '../disk/open-disk.ts';
import { diskIn, formatOf, type ReadFormat } from '../disk/read-format.ts';
import { errorCodeOf } from '../error.ts';
import { directForms, type KernelArchitecture } from '../osv/kernel.ts';
import { commandLineOffset, hasBootSectorMark, maxCommandLine } from '../osv/loader-layout.ts';
import type { SyncAccess } from '../tree/access.ts';
import { isVolumeSize } from './data-option.ts';
import { jsonIn, membersOf } from './json.ts';
import { requireWholeDisk, withWayOut } from './whole-disk.ts';

/** What a finished disk, and the report beside it, tell about booting it. */
export interface DiskFacts {
  readonly format: ReadFormat;
  /** True when the disk has a kernel of its own. */
  readonly hasLoader: boolean;
  /** Without its final NUL. */
  readonly commandLine?: Uint8Array;
  /** Of the kernel the disk was built for. */
  readonly architecture?: KernelArchitecture;
  /** The file of that kernel which a hypervisor starts: its ELF; on aarch64 its loader.img. */
  readonly elf?: Digest;
  /** MiB of the machine it was built for. */
  readonly memory?: number;
  /** Bytes that its volumes were asked to have, by their paths. */
  readonly volumeSizes?: ReadonlyMap<string, number>;
}

type Report = Omit<DiskFacts, 'format'>;

const architectures: readonly KernelArchitecture[] = ['x86_64', 'aarch64'];

/** In bytes, of the file beside a disk: anything may lie there. */
export const reportCap = 256 << 20;

/**
 * Reads how to boot a disk. A disk with a kernel tells itself; all else comes from `FILE.json`, without
 * which a disk can only be tried.
 * @throws ConvertError `USAGE` when `path` is no file that can be read, `ACCESS_DENIED`; `DISK_UNSUPPORTED` for an
 * archive or a packed file, which a hypervisor would take for a raw disk; `DISK_INVALID` as `requireWholeDisk`, and
 * for a file of any format that contradicts itself or was cut short.
 */
export async function inspectDisk(path: string): Promise<DiskFacts> {
  const file = openFileAccess(path);
  try {
    const format = formatOf(file);
    refusePacked({ disk: file, format }, path);
    const report = await readReport(`${path}.json`);
    const head = await headOf(file, path, format);
    if (head === undefined) return { format, hasLoader: true, ...report };
    return {
      format,
      ...report,
      ...(hasBootSectorMark(head)
        ? { hasLoader: true, commandLine: commandLineIn(head) }
        : { hasLoader: false }),
    };
  } finally {
    file.close();
  }
}

/** Undefined for a disk that only QEMU can read, such as one that changes another. */
async function headOf(
  file: SyncAccess,
  path: string,
  format: ReadFormat,
): Promise<Buffer | undefined> {
  const disk = await openedAs(format, file, path);
  if (disk === undefined) return undefined;
  requireWholeDisk(disk, path);
  return Buffer.from(disk.read(0, commandLineOffset + maxCommandLine + 1));
}

async function openedAs(
  format: ReadFormat,
  file: SyncAccess,
  path: string,
): Promise<SyncAccess | undefined> {
  try {
    return await diskIn(file, path, format);
  } catch (error) {
    if (errorCodeOf(error) === 'DISK_UNSUPPORTED') return undefined;
    throw withWayOut(error, path);
  }
}

function commandLineIn(head: Buffer): Uint8Array {
  const area = head.subarray(commandLineOffset);
  const end = area.indexOf(0);
  return end === -1 ? area : area.subarray(0, end);
}

/** A report that is missing, or none of ours, tells nothing. */
async function readReport(path: string): Promise<Report | undefined> {
  const size = await stat(path).then(
    (found) => (found.isFile() ? found.size : 0),
    () => 0,
  );
  if (size === 0 || size > reportCap) return undefined;
  const report = membersOf(jsonIn(await readFile(path, 'utf8')));
  const { commandLine, memory } = report;
  const kernel = membersOf(report['kernel']);
  const architecture = architectures.find((one) => one === kernel['architecture']);
  const elf = kernel[directForms[architecture ?? 'x86_64']];
  return {
    hasLoader: membersOf(report['disk'])['boot'] !== 'direct',
    ...(typeof commandLine === 'string' && { commandLine: encodeName(commandLine) }),
    ...(architecture && { architecture }),
    ...(isDigest(elf) && { elf: parseDigest(elf) }),
    ...(Number.isSafeInteger(memory) && { memory: Number(memory) }),
    ...(report['volumes'] !== undefined && { volumeSizes: volumeSizesIn(report['volumes']) }),
  };
}

function volumeSizesIn(volumes: unknown): ReadonlyMap<string, number> {
  const all: readonly unknown[] = Array.isArray(volumes) ? volumes : [];
  return new Map(
    all.map(membersOf).flatMap(({ path, size }): [string, number][] => {
      return typeof path === 'string' && isVolumeSize(size) ? [[path, size]] : [];
    }),
  );
}

function isDigest(value: unknown): value is string {
  return typeof value === 'string' && /^sha256:[0-9a-f]{64}$/.test(value);
}
