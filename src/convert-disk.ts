import { stat } from 'node:fs/promises';
import type { Digest, Store } from '../store/index.ts';
import { readReport } from './boot.ts';
import { imageOf } from './disk/access-pieces.ts';
import type { Compression, OutputFormat } from './disk/formats.ts';
import { sectorSize, startsFromBios } from './disk/mbr.ts';
import { openWholeDisk, refusePacked } from './disk/open-disk.ts';
import type { ReadFormat } from './disk/read-format.ts';
import {
  architectureOf,
  machineOf,
  refuseOutput,
  writeDiskOutput,
  writeReport,
} from './disk-output.ts';
import type { DiskOutput } from './disk-target.ts';
import { ConvertError } from './error.ts';
import type { OnEvent } from './event.ts';
import type { Report } from './report.ts';

export interface ConvertDiskOptions {
  /** Of a qcow2 disk, or the one in a containerDisk. */
  readonly compression?: Compression;
  readonly onEvent?: OnEvent;
  readonly signal?: AbortSignal;
}

/** What was made of a disk; its shape is `schemas/convert-disk.schema.json`. Sizes in bytes. */
export interface ConvertedDisk {
  readonly from: { readonly path: string; readonly format: ReadFormat; readonly size: number };
  readonly to: {
    /** A path, or `store:NAME`. */
    readonly output: string;
    readonly format: OutputFormat;
    /** Of the disk: larger than it was where the format wants it. */
    readonly size: number;
    /** Of the file, or of the layer in the store. */
    readonly bytes: number;
    readonly digest?: Digest;
  };
  /** Of the disk, where it had one: the path of the copy. */
  readonly report: string | null;
}

/**
 * Writes the disk at `path` in another format, in one pass; the report beside it, where there is one, goes along.
 * @throws ConvertError `USAGE` for an output that is the input, `DISK_INVALID`, `DISK_UNSUPPORTED`, `OUTPUT_UNUSABLE`,
 * `OUTPUT_FULL`; StoreError.
 */
export async function convertDisk(
  store: Store,
  path: string,
  output: DiskOutput,
  { compression, onEvent, signal }: ConvertDiskOptions = {},
): Promise<ConvertedDisk> {
  const whole = await openWholeDisk(path);
  try {
    const { disk, format } = whole;
    refusePacked(whole, path);
    refuseOutput(output, startsFromBios(disk.read(0, sectorSize)) ? 'bios' : 'direct', compression);
    await refuseItself(path, output);
    const report = await reportBeside(path, onEvent);
    const place = output.format === 'containerdisk' ? `store:${output.name}` : output.path;
    const {
      size,
      identity: _,
      ...written
    } = await writeDiskOutput(store, imageOf(disk), output, {
      ...(compression && { compression }),
      ...(report && {
        machine: machineOf(report.image.reference),
        architecture: architectureOf(report.image.platform),
      }),
      ...(signal && { signal }),
      onProgress: (progress) => onEvent?.({ event: 'write', path: place, ...progress }),
    });
    const copy = report && output.format !== 'containerdisk' ? `${output.path}.json` : null;
    if (report && copy !== null) {
      const told = { ...report.disk, format: output.format, size };
      await writeReport({ ...report, disk: told }, copy);
    }
    return {
      from: { path, format, size: disk.size },
      to: { output: place, format: output.format, size, ...written },
      report: copy,
    };
  } finally {
    whole.close();
  }
}

/** By any of its names: what is read is not replaced. */
async function refuseItself(path: string, output: DiskOutput): Promise<void> {
  if (output.format === 'containerdisk') return;
  const [from, to] = await Promise.all([stat(path), stat(output.path).catch(() => undefined)]);
  if (to === undefined || from.dev !== to.dev || from.ino !== to.ino) return;
  throw new ConvertError(
    'USAGE',
    `converting the disk ${JSON.stringify(path)}: found itself as the output, wanted another file`,
    { hint: 'name another file' },
  );
}

/** Of a disk that was made elsewhere there is none; what is there and is none is left where it is, and said. */
async function reportBeside(
  path: string,
  onEvent: OnEvent | undefined,
): Promise<Report | undefined> {
  const file = `${path}.json`;
  if ((await stat(file).catch(() => undefined)) === undefined) return undefined;
  try {
    return await readReport(file);
  } catch (error) {
    if (!(error instanceof ConvertError)) throw error;
    onEvent?.({ event: 'warning', text: `${file} is no report of a disk, and is not copied` });
    return undefined;
  }
}
