import { type FileHandle, open } from 'node:fs/promises';
import {
  compressionOf,
  type Entry,
  type FileEntry,
  inflate,
  type Limits,
  StoreError,
  scanTar,
} from '../../../store/index.ts';
import { ConvertError } from '../../error.ts';
import { shellWord } from '../../shell-word.ts';
import { fileError, readFrom, readRange } from '../layout/file.ts';
import type { FetchOptions } from '../source.ts';
import { openScratch } from './scratch.ts';
import { createTarNames, type TarNames } from './tar-names.ts';

/** A tar on this machine, read once and then at any position. */
export interface TarFile {
  readonly names: TarNames;
  /** The whole file. @throws ConvertError `ARCHIVE_INVALID` above `cap` bytes. */
  read(file: FileEntry, cap: number): Promise<Uint8Array>;
  stream(file: FileEntry, options?: FetchOptions): AsyncIterable<Uint8Array>;
  /** How the file is compressed; undefined for a plain one. */
  compression(file: FileEntry): Promise<'gzip' | 'zstd' | undefined>;
  close(): Promise<void>;
}

/** An image has several layers, each of them up to its limit. */
const layersInArchive = 4;

export interface OpenTarOptions {
  /** A folder with room for an archive that has to be inflated; made when it is missing. */
  readonly scratch: string;
  /** Those of a layer. */
  readonly limits: Limits;
  readonly signal?: AbortSignal;
}

/**
 * Reads where everything in the tar `path` lies, and the digest of each file. A compressed archive,
 * or one that comes through a pipe, is inflated into a scratch file first.
 * @throws ConvertError `IMAGE_NOT_FOUND`, `ARCHIVE_INVALID`, `LAYER_LIMIT`, `STORE_FULL`,
 * `STORE_UNUSABLE`.
 */
export async function openTarFile(path: string, options: OpenTarOptions): Promise<TarFile> {
  const action = `reading the archive ${path}`;
  const original = await openOriginal(path, action);
  let indexed: Indexed;
  try {
    indexed = await indexOf(original, action, options);
  } catch (error) {
    await original.close();
    options.signal?.throwIfAborted();
    throw archiveError(error, action, path);
  }
  const { handle, entries } = indexed;
  const stored = ({ path: name, extents, offset, size }: FileEntry) => {
    if (extents !== undefined) {
      throw invalidArchive(action, `a sparse file ${JSON.stringify(name)}`, 'a plain one');
    }
    return { from: offset, to: offset + size, action };
  };
  return {
    names: createTarNames(entries, action),
    async read(file, cap) {
      const { from } = stored(file);
      if (file.size > cap) {
        const found = `${JSON.stringify(file.path)} of ${file.size} bytes`;
        throw invalidArchive(action, found, `at most ${cap}`);
      }
      return await readFrom(handle, from, file.size, action);
    },
    stream(file, { offset = 0, signal } = {}) {
      const range = stored(file);
      return readRange(handle, { ...range, from: range.from + offset, signal });
    },
    async compression(file) {
      return compressionOf(
        await readFrom(handle, stored(file).from, Math.min(file.size, 4), action),
      );
    },
    close: () => handle.close(),
  };
}

export function invalidArchive(action: string, found: string, wanted: string): ConvertError {
  return new ConvertError('ARCHIVE_INVALID', `${action}: found ${found}, wanted ${wanted}`);
}

async function openOriginal(path: string, action: string): Promise<FileHandle> {
  try {
    const handle = await open(path, 'r');
    if (!(await handle.stat()).isDirectory()) return handle;
    await handle.close();
  } catch (cause) {
    throw fileError(action, path, cause);
  }
  throw new ConvertError('IMAGE_NOT_FOUND', `${action}: found a folder, wanted a file`, {
    hint: `name it as a layout: ${shellWord(`oci:${path}`)}`,
  });
}

interface Indexed {
  /** Of the tar itself; that of a compressed archive is closed. */
  readonly handle: FileHandle;
  readonly entries: readonly Entry[];
}

async function indexOf(
  original: FileHandle,
  action: string,
  { scratch: folder, limits: ofLayer, signal }: OpenTarOptions,
): Promise<Indexed> {
  const limits: Limits = { ...ofLayer, layerSize: layersInArchive * ofLayer.layerSize };
  const entries: Entry[] = [];
  const onEntry = (entry: Entry) => entries.push(entry);
  const { bytes, needsCopy } = await contentOf(original, action, signal);
  if (!needsCopy) {
    await scanTar(bytes, onEntry, limits);
    return { handle: original, entries };
  }
  const scratch = await openScratch(folder);
  try {
    await scanTar(scratch.keep(inflate(bytes, limits)), onEntry, limits);
  } catch (error) {
    await scratch.handle.close();
    throw error;
  }
  await original.close();
  return { handle: scratch.handle, entries };
}

async function contentOf(handle: FileHandle, action: string, signal: AbortSignal | undefined) {
  const found = await handle.stat();
  if (!found.isFile()) return { bytes: piped(handle, signal), needsCopy: true };
  const head = await readFrom(handle, 0, Math.min(found.size, 4), action);
  const range = { from: 0, to: found.size, action, signal };
  return { bytes: readRange(handle, range), needsCopy: compressionOf(head) !== undefined };
}

async function* piped(handle: FileHandle, signal: AbortSignal | undefined) {
  for (;;) {
    signal?.throwIfAborted();
    const bytes = Buffer.allocUnsafe(2 ** 18);
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, null);
    if (bytesRead === 0) return;
    yield bytes.subarray(0, bytesRead);
  }
}

/** The store speaks of layers; here its tar reader read an archive. */
function archiveError(error: unknown, action: string, path: string): unknown {
  if (!(error instanceof StoreError)) return error;
  const { code, hint } =
    error.code === 'LAYER_CORRUPT'
      ? { code: 'ARCHIVE_INVALID' as const, hint: `file ${shellWord(path)}` }
      : error;
  return new ConvertError(code, `${action}: ${error.message}`, {
    cause: error,
    ...(hint && { hint }),
  });
}
