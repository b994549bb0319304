import { mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Descriptor } from '../../store/index.ts';
import { openOutputFile } from '../disk/output-file.ts';
import { ConvertError } from '../error.ts';
import { parseImageIndex } from '../oci/image-index.ts';
import { layoutFiles, type OutgoingImage } from '../target/layout.ts';

export interface WriteOptions {
  /** Told of the bytes of each chunk that is written. */
  readonly onBytes?: (bytes: number) => void;
  readonly signal?: AbortSignal;
}

/** Writes a file that appears under its name only when it is whole. Gives its size in bytes. */
export async function writeFileOf(
  path: string,
  bytes: AsyncIterable<Uint8Array>,
  { onBytes, signal }: WriteOptions = {},
): Promise<number> {
  const file = openOutputFile(path);
  try {
    let at = 0;
    for await (const chunk of bytes) {
      signal?.throwIfAborted();
      file.write(chunk, at);
      at += chunk.length;
      onBytes?.(chunk.length);
    }
    return (await file.commit()).bytes;
  } finally {
    file.discard();
  }
}

/**
 * Adds images to the OCI image layout in `folder`, which is made when it is missing. Blobs that are
 * there stay; index.json is replaced last, so that the layout is good at any time. It is not for two
 * writers at one time: the later would take out of index.json what the earlier put there.
 * @throws ConvertError `OUTPUT_UNUSABLE` for a folder of other things, `OUTPUT_FULL`,
 * `MANIFEST_INVALID` for an index.json that cannot be read.
 */
export async function writeLayout(
  folder: string,
  images: readonly OutgoingImage[],
  options: WriteOptions = {},
): Promise<void> {
  const files = layoutFiles(images, await listedIn(folder));
  for (const { path, size, open } of files) {
    const target = join(folder, path);
    if (path.startsWith('blobs/') && (await sizeOf(target)) === size) {
      options.onBytes?.(size);
      continue;
    }
    await makeFolder(dirname(target));
    await writeFileOf(target, open(), options);
  }
}

async function listedIn(folder: string): Promise<readonly Descriptor[]> {
  const names = await namesIn(folder);
  if (names.includes('index.json')) {
    return (await parseImageIndex(await readFile(join(folder, 'index.json')))).manifests;
  }
  const [foreign] = names.filter((name) => name !== 'blobs' && name !== 'oci-layout').sort();
  if (foreign === undefined) return [];
  throw unusable(folder, `${JSON.stringify(foreign)} and no index.json`);
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return [];
    throw unusable(folder, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() ? found.size : undefined;
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (cause) {
    throw unusable(path, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function unusable(folder: string, found: string, cause?: unknown): ConvertError {
  return new ConvertError(
    'OUTPUT_UNUSABLE',
    `writing the layout ${folder}: found ${found}, wanted an OCI image layout, an empty folder or none`,
    { hint: 'name another folder with --output', cause },
  );
}
