import { setImmediate as yieldToOthers } from 'node:timers/promises';
import type { Contents } from '../tree/contents.ts';
import { openOutputFile } from './output-file.ts';
import type { DiskPlan } from './plan.ts';
import { openQcow2 } from './qcow2.ts';
import { openRaw } from './raw.ts';
import { pieces } from './segment.ts';

export type DiskFormat = 'raw' | 'qcow2';

export interface WriteDiskOptions {
  readonly format: DiskFormat;
  /** The bytes of the files on the disk. */
  readonly contents: Contents;
  readonly signal?: AbortSignal;
  /** Of the disk, in bytes, `size` being the whole. */
  readonly onProgress?: (progress: { readonly written: number; readonly size: number }) => void;
}

export interface WrittenDisk {
  /** Of the file. */
  readonly bytes: number;
  /** What the file system uses for it: less, where it has holes. */
  readonly allocated: number;
}

/**
 * Writes a disk to `path`, in place of a file that is there. The file appears only when it is whole and
 * durable; after a failure or an abort nothing new is left. Reads and writes block, a piece of 1 MiB at a
 * time (a stream a file takes eight times as long), and give way to others in between.
 *
 * @throws ConvertError `OUTPUT_UNUSABLE`, `OUTPUT_FULL`; what `Contents.readInto` throws; the signal's reason.
 */
export async function writeDisk(
  plan: Pick<DiskPlan, 'size' | 'segments'>,
  path: string,
  { format, contents, signal, onProgress }: WriteDiskOptions,
): Promise<WrittenDisk> {
  signal?.throwIfAborted();
  const file = openOutputFile(path);
  try {
    const image = format === 'raw' ? openRaw(file, plan.size) : openQcow2(file, plan.size);
    for (const piece of pieces(plan.segments(), plan.size, contents)) {
      image.write(piece);
      onProgress?.({ written: piece.offset + piece.bytes.length, size: plan.size });
      await yieldToOthers();
      signal?.throwIfAborted();
    }
    image.finish();
    return await file.commit();
  } finally {
    file.discard();
  }
}
