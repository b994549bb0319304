import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { type DiffID, type Digest, parseDiffID } from '../digest.ts';
import type { LayerIndex } from '../entry.ts';
import { StoreError } from '../error.ts';
import type { FileStat, OpenFile } from '../files/files.ts';
import { unreadable } from '../files/reading.ts';
import { createIndexWriter, digestOfText, type IndexText } from '../layers/index-text.ts';
import { readLayerIndex } from '../layers/layer-index.ts';
import type { StoreParts } from '../parts.ts';
import { createTarReader } from '../tar/reader.ts';

/** How files are read through. */
export interface Pass {
  readonly signal?: AbortSignal | undefined;
  /** Told of the bytes of each piece. */
  readonly onRead?: ((bytes: number) => void) | undefined;
}

/** What is wrong with a blob or a layer, in words. */
export interface Complaint {
  readonly found: string;
  readonly wanted: string;
}

export interface Flaw extends Complaint {
  /** The files that are damaged, as they were seen; none where there was none. */
  readonly damaged: readonly DamagedFile[];
}

export interface DamagedFile {
  readonly path: string;
  readonly seen: FileStat;
}

export interface LayerFlaw extends Flaw {
  /** What the index has to say, where the tar is sound. */
  readonly index?: IndexText;
}

type CheckParts = Pick<StoreParts, 'files' | 'layout' | 'limits'>;

const chunkSize = 2 ** 20;

/** Reads the whole blob, in one pass. Undefined when it is sound. */
export async function checkBlob(
  { files, layout }: CheckParts,
  digest: Digest,
  pass: Pass,
): Promise<Flaw | undefined> {
  const path = layout.blob(digest);
  const seen = files.stat(path);
  const found = seen && (await digestOfFile(files, path, pass));
  if (seen === undefined || found === undefined) {
    return { found: 'no such blob', wanted: digest, damaged: [] };
  }
  return found === digest ? undefined : { found, wanted: digest, damaged: [{ path, seen }] };
}

/** What the files of a layer say of themselves. Undefined when that agrees. */
export function checkLayerQuickly(
  { files, layout }: CheckParts,
  diffID: DiffID,
): Complaint | undefined {
  let index: LayerIndex | undefined;
  try {
    index = readLayerIndex(files, layout, diffID);
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== 'STORE_CORRUPT') throw error;
    return { found: `an index that cannot be used (${error.message})`, wanted: 'a sound one' };
  }
  if (index === undefined) return { found: 'no index', wanted: 'an unpacked layer' };
  const size = files.stat(layout.layer(diffID).tar)?.size;
  if (size === index.size) return undefined;
  const found = size === undefined ? 'no tar' : `a tar of ${size} bytes`;
  return { found, wanted: `one of ${index.size} bytes` };
}

/**
 * Reads the whole tar, in one pass: its digest must be the layer's name, and its entries with their
 * digests those of the index. Undefined when it is sound. A tar that exceeds the limits the store
 * was opened with is sound when its digest and its index are.
 */
export async function checkLayer(
  parts: CheckParts,
  diffID: DiffID,
  pass: Pass,
): Promise<LayerFlaw | undefined> {
  const { files, layout } = parts;
  const paths = layout.layer(diffID);
  const index = seenAt(files, paths.index);
  const tar = seenAt(files, paths.tar);
  const read = await readTar(parts, diffID, pass);
  if (read === undefined) {
    return { found: 'no tar', wanted: 'an unpacked layer', damaged: index };
  }
  if (read.found !== diffID) {
    return { found: `a tar with ${read.found}`, wanted: diffID, damaged: [...index, ...tar] };
  }
  if (read.index === undefined) {
    const complaint = checkLayerQuickly(parts, diffID);
    return complaint && { ...complaint, damaged: index };
  }
  const found = await digestOfFile(files, paths.index, { signal: pass.signal });
  const wanted = digestOfText(read.index);
  if (found === wanted) return undefined;
  return {
    found: found === undefined ? 'no index' : `an index with ${found}`,
    wanted: `${wanted}, as the tar has it`,
    damaged: index,
    index: read.index,
  };
}

interface ReadTar {
  /** Its digest, or why it could not be read. */
  readonly found: string;
  /** Undefined when the tar is none, or exceeds a limit. */
  readonly index: IndexText | undefined;
}

async function readTar(
  { files, layout, limits }: CheckParts,
  diffID: DiffID,
  pass: Pass,
): Promise<ReadTar | undefined> {
  const file = files.open(layout.layer(diffID).tar);
  if (file === undefined) return undefined;
  const hash = createHash('sha256');
  const index = createIndexWriter();
  const reader = createTarReader(index.add, limits);
  let size = 0;
  let readable = true;
  const reading = (step: () => void): void => {
    try {
      if (readable) step();
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      readable = false;
    }
  };
  const failure = await readThrough(file, pass, (chunk) => {
    hash.update(chunk);
    size += chunk.length;
    reading(() => reader.push(chunk));
  });
  reading(() => reader.end());
  const digest = parseDiffID(`sha256:${hash.digest('hex')}`);
  return { found: failure ?? digest, index: readable ? index.end(digest, size) : undefined };
}

function seenAt(files: StoreParts['files'], path: string): readonly DamagedFile[] {
  const seen = files.stat(path);
  return seen === undefined ? [] : [{ path, seen }];
}

/** Or why it cannot be read; undefined where there is no such file. */
async function digestOfFile(
  files: StoreParts['files'],
  path: string,
  pass: Pass,
): Promise<string | undefined> {
  try {
    const file = files.open(path);
    if (file === undefined) return undefined;
    const hash = createHash('sha256');
    const failure = await readThrough(file, pass, (chunk) => hash.update(chunk));
    return failure ?? `sha256:${hash.digest('hex')}`;
  } catch (error) {
    return whyUnreadable(error);
  }
}

/** Gives `take` all bytes, in a buffer that is used again; returns why that was not possible. */
async function readThrough(
  file: OpenFile,
  { signal, onRead }: Pass,
  take: (chunk: Buffer) => void,
): Promise<string | undefined> {
  try {
    const buffer = Buffer.allocUnsafe(Math.min(chunkSize, file.size() + 1));
    for (let offset = 0; ; ) {
      await turn();
      signal?.throwIfAborted();
      const chunk = buffer.subarray(0, file.read(buffer, offset));
      if (chunk.length === 0) return undefined;
      take(chunk);
      offset += chunk.length;
      onRead?.(chunk.length);
    }
  } catch (error) {
    return whyUnreadable(error);
  } finally {
    file.close();
  }
}

/** @throws what failed otherwise. */
function whyUnreadable(error: unknown): string {
  const code = unreadable(error);
  if (code === undefined) throw error;
  return `bytes that cannot be read (${code})`;
}
