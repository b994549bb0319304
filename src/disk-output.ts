import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest, Store } from '../store/index.ts';
import { storeContainerDisk } from './disk/container-disk.ts';
import type { FileIdentity } from './disk/file-stamp.ts';
import { diskSizeIn, type OutputFormat, refuseCompression, refuseDirect } from './disk/formats.ts';
import { type ImageSource, type WriteImageOptions, writeImage } from './disk/output.ts';
import { openOutputFile } from './disk/output-file.ts';
import type { DiskOutput } from './disk-target.ts';
import type { Report } from './report.ts';
import { makeTemporaryFolder } from './run/work-folder.ts';

/** The size of a disk of `size` bytes in this format. @throws ConvertError `DISK_UNSUPPORTED`. */
export function sizeIn(format: OutputFormat, size: number): number {
  return diskSizeIn(format === 'containerdisk' ? 'qcow2' : format, size);
}

/** @throws ConvertError `USAGE` for what can be told before any work; `OUTPUT_UNUSABLE`. */
export function refuseOutput(
  output: DiskOutput,
  boot: 'bios' | 'direct',
  compression: WriteImageOptions['compression'],
): void {
  if (output.format === 'containerdisk') return;
  refuseDirect(output.format, boot);
  refuseCompression(output.format, compression);
  for (const path of [output.path, `${output.path}.json`]) openOutputFile(path).discard();
}

export interface DiskOutputOptions extends Omit<WriteImageOptions, 'format'> {
  /** Of the machines that an image of KubeVirt is for, as OCI has it; amd64 where it is absent. */
  readonly architecture?: string;
}

export interface DiskWritten {
  /** Of the disk, in bytes, as a machine sees it. */
  readonly size: number;
  /** Of the file, or of the layer in the store. */
  readonly bytes: number;
  /** Of the file. */
  readonly identity?: FileIdentity;
  /** Of the manifest in the store. */
  readonly digest?: Digest;
}

/** @throws ConvertError as `writeImage` does; StoreError. */
export async function writeDiskOutput(
  store: Store,
  source: ImageSource,
  output: DiskOutput,
  { architecture = 'amd64', ...options }: DiskOutputOptions,
): Promise<DiskWritten> {
  if (output.format !== 'containerdisk') {
    const written = await writeImage(source, output.path, { ...options, ...output });
    const { size, bytes, identity } = written;
    return { size, bytes, identity };
  }
  const folder = await makeTemporaryFolder();
  try {
    const path = join(folder, 'disk.qcow2');
    // What is pushed and pulled should be small, and its layer is stored as it is.
    const packed = { compression: 'zlib', ...options, format: 'qcow2' } as const;
    const { size } = await writeImage(source, path, packed);
    const image = await storeContainerDisk(store, path, {
      name: output.name,
      architecture,
      ...(options.signal && { signal: options.signal }),
    });
    return { size, bytes: image.layer.size, digest: image.descriptor.digest };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Writes the report of a disk beside it. @throws ConvertError `OUTPUT_UNUSABLE`, `OUTPUT_FULL`. */
export async function writeReport(report: Report, path: string): Promise<FileIdentity> {
  const file = openOutputFile(path);
  try {
    file.write(Buffer.from(`${JSON.stringify(report, undefined, 2)}\n`), 0);
    return (await file.commit()).identity;
  } finally {
    file.discard();
  }
}

/** What an OVA calls its machine: the last part of the image's name. As much memory as `run` gives. */
export function machineOf(reference: string): NonNullable<WriteImageOptions['machine']> {
  const last = reference.replace(/@.*$/, '').split('/').at(-1) ?? '';
  const name = last
    .replace(/:.*$/, '')
    .replace(/[^\w.-]/g, '-')
    .slice(0, 60);
  return { name: name === '' ? 'osv' : name, memory: 1024, cpus: 1 };
}

/** `linux/arm64/v8` as `arm64`. */
export function architectureOf(platform: string): string {
  return platform.split('/')[1] ?? 'amd64';
}
