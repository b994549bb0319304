import { type FileHandle, open, readFile, stat } from 'node:fs/promises';
import { type Digest, encodeName, parseDigest } from '../../store/index.ts';
import { unreadableDisk } from '../disk/disk-error.ts';

/** What a finished disk, and the report beside it, tell about booting it. */
export interface DiskFacts {
  readonly format: 'raw' | 'qcow2';
  /** True when the disk has a kernel of its own. */
  readonly hasLoader: boolean;
  /** Without its final NUL. */
  readonly commandLine?: Uint8Array;
  /** The ELF of the kernel the disk was built for. */
  readonly elf?: Digest;
  /** MiB of the machine it was built for. */
  readonly memory?: number;
}

interface Report {
  readonly hasLoader: boolean;
  readonly commandLine?: Uint8Array;
  readonly elf?: Digest;
  readonly memory?: number;
}

const reportCap = 256 << 20;

/** Command line in the sectors behind the boot sector, as in `src/disk`. */
const commandLineOffset = 512;
const commandLineArea = 63 * 512;

/**
 * Reads how to boot a disk. A raw disk with a kernel tells itself; all else comes from `FILE.json`,
 * without which a disk can only be tried.
 * @throws ConvertError `USAGE` when `path` is no file that can be read, `ACCESS_DENIED`.
 */
export async function inspectDisk(path: string): Promise<DiskFacts> {
  const file = await openDisk(path);
  try {
    const head = await readHead(file);
    const report = await readReport(`${path}.json`);
    if (head.toString('latin1', 0, 4) === 'QFI\xfb') {
      return { format: 'qcow2', hasLoader: true, ...report };
    }
    const hasLoader = head.toString('latin1', 0x1b8, 0x1bb) === 'VSO';
    return {
      format: 'raw',
      ...report,
      hasLoader,
      ...(hasLoader && { commandLine: commandLineIn(head) }),
    };
  } finally {
    await file.close();
  }
}

async function openDisk(path: string): Promise<FileHandle> {
  try {
    if ((await stat(path)).isFile()) return await open(path, 'r');
  } catch (cause) {
    throw unreadableDisk(path, cause instanceof Error ? cause.message : String(cause), cause);
  }
  throw unreadableDisk(path, 'something that is no file');
}

async function readHead(file: FileHandle): Promise<Buffer> {
  const head = Buffer.alloc(commandLineOffset + commandLineArea);
  const { bytesRead } = await file.read(head, 0, head.length, 0);
  return head.subarray(0, bytesRead);
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
  const report = membersOf(parseJson(await readFile(path, 'utf8')));
  const { commandLine, memory } = report;
  const elf = membersOf(report['kernel'])['elf'];
  return {
    hasLoader: membersOf(report['disk'])['boot'] !== 'direct',
    ...(typeof commandLine === 'string' && { commandLine: encodeName(commandLine) }),
    ...(isDigest(elf) && { elf: parseDigest(elf) }),
    ...(Number.isSafeInteger(memory) && { memory: Number(memory) }),
  };
}

function isDigest(value: unknown): value is string {
  return typeof value === 'string' && /^sha256:[0-9a-f]{64}$/.test(value);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
    ? Object.fromEntries(Object.entries(value))
    : {};
}
