import { readFile } from 'node:fs/promises';
import { createValidator } from '../../schemas/index.ts';
import { compareNames, type Digest } from '../../store/index.ts';
import { type OutputFile, openOutputFile } from '../disk/output-file.ts';
import { keptRuntimeOfRef } from '../dotnet/kept-refs.ts';
import { ConvertError } from '../error.ts';
import { shellWord } from '../shell-word.ts';
import { unreadReason } from '../unread-file.ts';

/** What references meant when they were locked: `schemas/lock.schema.json`. */
export interface LockFile {
  readonly path: string;
  /** By the image's name in the store. */
  readonly images: Readonly<Record<string, LockedImage>>;
}

export interface LockedImage {
  /** Of the index, or of the manifest where there is no index. */
  readonly digest: Digest;
  /** Digests of manifests, by the platform asked for. */
  readonly platforms: Readonly<Record<string, Digest>>;
}

export const usualLockFile = 'osv-convert.lock';

/** @throws ConvertError `LOCK_MISSING` when there is no such file, `LOCK_INVALID`. */
export async function readLockFile(path: string): Promise<LockFile> {
  const lock = await readIfPresent(path);
  if (lock !== undefined) return lock;
  throw new ConvertError(
    'LOCK_MISSING',
    `reading ${path}: found no such file, wanted a lock file`,
    {
      hint: `osv-convert pull --lock ${shellWord(path)} REF`,
    },
  );
}

/**
 * Writes what an image's name means now into the lock file, which is made where there is none. The
 * same images give the same bytes, in whatever order they were locked.
 * @throws ConvertError `LOCK_INVALID`, `OUTPUT_UNUSABLE`, `OUTPUT_FULL`.
 */
export async function lockImage(path: string, name: string, image: LockedImage): Promise<void> {
  const images = (await readIfPresent(path))?.images ?? {};
  const known = Object.hasOwn(images, name) ? images[name] : undefined;
  const kept = known?.digest === image.digest ? known.platforms : {};
  const locked = { digest: image.digest, platforms: sorted({ ...kept, ...image.platforms }) };
  const document = { lockVersion: 1, images: sorted({ ...images, [name]: locked }) };
  const bytes = Buffer.from(`${JSON.stringify(document, undefined, 2)}\n`);
  await withLockFile(path, async (file) => {
    file.write(bytes, 0);
    await file.commit();
  });
}

/**
 * Refuses what `lockImage` would refuse, before an image is fetched in vain.
 * @throws ConvertError as `lockImage`.
 */
export async function requireLockable(path: string): Promise<void> {
  await readIfPresent(path);
  await withLockFile(path, async () => undefined);
}

async function withLockFile(path: string, use: (file: OutputFile) => Promise<void>): Promise<void> {
  try {
    const file = openOutputFile(path);
    try {
      await use(file);
    } finally {
      file.discard();
    }
  } catch (error) {
    if (!(error instanceof ConvertError) || error.code !== 'OUTPUT_UNUSABLE') throw error;
    const hint = error.hint?.replace(/^name another file$/, '$& with --lock') ?? '';
    throw new ConvertError(error.code, error.message, { hint, cause: error });
  }
}

/**
 * What `name` was locked to for `platform`.
 * @throws ConvertError `LOCK_MISSING` when the lock file does not say.
 */
export function lockedDigests(
  { path, images }: LockFile,
  name: string,
  platform: string,
): { readonly root: Digest; readonly manifest: Digest } {
  const image = Object.hasOwn(images, name) ? images[name] : undefined;
  const manifest = image?.platforms[platform];
  if (image !== undefined && manifest !== undefined) return { root: image.digest, manifest };
  const found = image === undefined ? 'no such image' : Object.keys(image.platforms).join(', ');
  throw new ConvertError(
    'LOCK_MISSING',
    `looking up ${name} in ${path}: found ${found}, wanted the digest for ${platform}`,
    {
      hint: `osv-convert pull --lock ${shellWord(path)} --platform ${platform} ${locationOf(name)}`,
    },
  );
}

/**
 * @param wanted what `lockedDigests` gave.
 * @throws ConvertError `LOCK_MISMATCH` when `name` means something else.
 */
export function requireLocked(
  lock: LockFile | undefined,
  name: string,
  found: Digest,
  wanted: Digest | undefined,
): void {
  if (lock === undefined || wanted === undefined || found === wanted) return;
  const { path } = lock;
  throw new ConvertError(
    'LOCK_MISMATCH',
    `comparing ${name} with ${path}: found ${found}, wanted ${wanted}`,
    {
      hint: `take what it means now: osv-convert pull --lock ${shellWord(path)} ${locationOf(name)}`,
    },
  );
}

/** What `pull` takes for it: a kept runtime is in no registry. */
function locationOf(name: string): string {
  return keptRuntimeOfRef(name) === undefined ? name : `store:${name}`;
}

async function readIfPresent(path: string): Promise<LockFile | undefined> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return undefined;
    const sentence = `reading ${path}: found ${unreadReason(cause)}, wanted a lock file`;
    const hint = 'name another file with --lock';
    throw new ConvertError('LOCK_INVALID', sentence, { hint, cause });
  });
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw invalid(path, 'found no JSON, wanted an object', cause);
  }
  const problem = (await createValidator('lock'))(value);
  if (problem !== undefined) throw invalid(path, problem);
  return { path, images: (value as Pick<LockFile, 'images'>).images };
}

function invalid(path: string, problem: string, cause?: unknown): ConvertError {
  return new ConvertError('LOCK_INVALID', `reading the lock file ${path}: ${problem}`, {
    hint: `name another file with --lock, or lock the images anew after: rm ${shellWord(path)}`,
    cause,
  });
}

function sorted<T>(members: Readonly<Record<string, T>>): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(members).sort(([a], [b]) => compareNames(a, b)));
}
