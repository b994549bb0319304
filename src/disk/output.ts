import { setImmediate as yieldToOthers } from 'node:timers/promises';
import type { Contents } from '../tree/contents.ts';
import { diskSizeIn, refuseCompression } from './formats.ts';
import { type ImageOptions, openImage } from './open-image.ts';
import { type Committed, openOutputFile } from './output-file.ts';
import type { DiskPlan } from './plan.ts';
import { type Piece, pieces } from './segment.ts';

/** Of the disk, in bytes, `size` being the whole. */
export type OnWritten = (progress: { readonly written: number; readonly size: number }) => void;

export interface WriteImageOptions extends ImageOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: OnWritten;
}

export interface WriteDiskOptions extends WriteImageOptions {
  /** The bytes of the files on the disk. */
  readonly contents: Contents;
}

/** `bytes` are those of the file; it uses less where it has holes. */
export interface WrittenDisk extends Committed {
  /** Of the disk, as a machine sees it. */
  readonly size: number;
}

/** A disk that can be gone through from its beginning to its end, more than once. */
export interface ImageSource {
  /** In bytes. */
  readonly size: number;
  /** What is not zero, ascending, each beginning at a multiple of `pieceSize`. */
  pieces(): Iterable<Piece>;
}

/**
 * Writes a disk to `path`, in place of a file that is there. The file appears only when it is whole and
 * durable; after a failure or an abort nothing new is left. Reads and writes block, a piece of 1 MiB at a
 * time (a stream a file takes eight times as long), and give way to others in between.
 *
 * @throws ConvertError `OUTPUT_UNUSABLE`, `OUTPUT_FULL`, `DISK_UNSUPPORTED` where the format cannot hold it;
 * `USAGE` for a compression it has not; what `Contents.readInto` throws; the signal's reason.
 */
export async function writeDisk(
  plan: Pick<DiskPlan, 'size' | 'segments'>,
  path: string,
  { contents, ...options }: WriteDiskOptions,
): Promise<WrittenDisk> {
  const { size } = plan;
  const source = { size, pieces: () => pieces(plan.segments(), size, contents) };
  return await writeImage(source, path, options);
}

/** Writes any disk as `writeDisk` does. @throws as it does, and what `source.pieces` throws. */
export async function writeImage(
  source: ImageSource,
  path: string,
  options: WriteImageOptions,
): Promise<WrittenDisk> {
  const { format, compression, signal, onProgress } = options;
  signal?.throwIfAborted();
  refuseCompression(format, compression);
  const size = diskSizeIn(format, source.size);
  const file = openOutputFile(path);
  const giveWay = async (): Promise<void> => {
    await yieldToOthers();
    signal?.throwIfAborted();
  };
  try {
    const image = await openImage(file, size, options);
    if (image.survey !== undefined) {
      for (const piece of source.pieces()) {
        image.survey(piece);
        await giveWay();
      }
    }
    for (const piece of source.pieces()) {
      await image.write(piece);
      onProgress?.({ written: piece.offset + piece.bytes.length, size: source.size });
      await giveWay();
    }
    await image.finish();
    return { size, ...(await file.commit()) };
  } finally {
    file.discard();
  }
}
