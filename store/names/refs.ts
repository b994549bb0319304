import { Buffer } from 'node:buffer';
import { isDeepStrictEqual } from 'node:util';
import { createValidator } from '../../schemas/index.ts';
import type { Descriptor, DescriptorPlatform } from '../descriptor.ts';
import { isDigest } from '../digest.ts';
import { StoreError } from '../error.ts';
import { makeFolder, writeFileWhole } from '../files/draft.ts';
import type { Files } from '../files/files.ts';
import type { Layout } from '../layout.ts';
import { withLock } from '../leases/lock.ts';
import type { StoreParts } from '../parts.ts';
import type { Refs } from './contract.ts';
import { formatIndexBackup, readIndexBackup } from './index-backup.ts';
import { compareNames } from './name.ts';

const nameKey = 'org.opencontainers.image.ref.name';

/** What a name means where no platform is given. */
const usualPlatform: DescriptorPlatform = { os: 'linux', architecture: 'amd64' };

/** index.json (OCI image-spec, image-index.md). What other tools wrote in it is carried along. */
export interface StoreIndex {
  readonly schemaVersion: 2;
  readonly mediaType?: string;
  readonly manifests: readonly Descriptor[];
}

export const emptyIndex: StoreIndex = {
  schemaVersion: 2,
  mediaType: 'application/vnd.oci.image.index.v1+json',
  manifests: [],
};

export function createRefs(parts: StoreParts): Refs {
  const { files, layout, settle, hold } = parts;
  const read = () => readNames(files, layout);
  const update = (change: (index: StoreIndex) => StoreIndex) => updateIndex(parts, change);

  const get: Refs['get'] = async (name, platform) => {
    const { manifests } = await read();
    const named = manifests.filter((entry) => isOurs(entry) && nameOf(entry) === name);
    if (platform !== undefined) return named.find((entry) => overlap(entry.platform, platform));
    return named.find((entry) => overlap(entry.platform, usualPlatform)) ?? named[0];
  };

  return {
    async list() {
      const { manifests } = await read();
      const named = manifests.filter(isOurs).map((descriptor) => ({
        name: nameOf(descriptor) ?? '',
        descriptor,
      }));
      return named.sort((a, b) => compareNames(a.name, b.name));
    },
    get,
    async set(name, descriptor) {
      const named = { ...descriptor, annotations: { ...descriptor.annotations, [nameKey]: name } };
      await hold([descriptor.digest]);
      // What is so already can be said of a store that cannot be written, too.
      if (isDeepStrictEqual(await get(name, named.platform), named)) {
        await settle(layout.root);
        return;
      }
      await update((index) => withEntry(index, named));
    },
    async delete(name) {
      let found = false;
      await update((index) => {
        const manifests = index.manifests.filter((descriptor) => nameOf(descriptor) !== name);
        found = manifests.length < index.manifests.length;
        return { ...index, manifests };
      });
      return found;
    },
  };
}

/** Reads, changes and replaces index.json while no other process does. */
export async function updateIndex(
  { files, layout, prepare }: Pick<StoreParts, 'files' | 'layout' | 'prepare'>,
  change: (index: StoreIndex) => StoreIndex,
): Promise<void> {
  await prepare();
  await withLock(files, layout.indexLock, async () => {
    const index = await readNames(files, layout);
    await writeIndex(files, layout, formatIndex(change(index)));
  });
}

/** What index.json says; where there is none, what its second copy does, else nothing. */
async function readNames(files: Files, layout: Layout): Promise<StoreIndex> {
  const index = await readIndex(files, layout);
  if (index !== undefined) return index;
  const backup = readIndexBackup(files, layout);
  return backup.state === 'sound' ? parseIndex(backup.text, layout.indexBackup) : emptyIndex;
}

/** A named entry takes the place of those of its name and platform. */
export function withEntry(index: StoreIndex, named: Descriptor): StoreIndex {
  const isOther = (entry: Descriptor) =>
    nameOf(entry) !== nameOf(named) || !overlap(entry.platform, named.platform);
  return { ...emptyIndex, ...index, manifests: [...index.manifests.filter(isOther), named] };
}

/**
 * Writes an index.json, which a layout must have, unless there is one: what its second copy says,
 * else an empty one.
 */
export async function ensureIndex(files: Files, layout: Layout): Promise<void> {
  if (files.stat(layout.index) !== undefined) return;
  await withLock(files, layout.indexLock, async () => {
    if (files.stat(layout.index) !== undefined) return;
    const backup = readIndexBackup(files, layout);
    const known = backup.state === 'sound' ? backup.text : formatIndex(emptyIndex);
    await writeIndex(files, layout, known);
  });
}

export function formatIndex(index: StoreIndex): Uint8Array {
  return Buffer.from(`${JSON.stringify(index, undefined, 2)}\n`);
}

/** Both copies. No name is durable before what it stands for, whoever wrote that. */
export async function writeIndex(files: Files, layout: Layout, text: Uint8Array): Promise<void> {
  await makeFolder(files, layout.blobs);
  await files.flushFolder(layout.blobs);
  const write = () => writeFileWhole(files, layout.ingest, layout.index, text);
  try {
    await write();
  } catch (error) {
    // Names must go from a full disk, too: there the second copy makes room for the first.
    const isFull = error instanceof StoreError && error.code === 'STORE_FULL';
    const isSmaller = text.length < (files.stat(layout.index)?.size ?? 0);
    if (!isFull || !isSmaller || !files.remove(layout.indexBackup)) throw error;
    await write();
  }
  await writeFileWhole(files, layout.ingest, layout.indexBackup, formatIndexBackup(text));
}

/**
 * What index.json says; undefined where there is none.
 * @throws StoreError `STORE_CORRUPT`.
 */
export async function readIndex(
  files: Files,
  { index: path }: Pick<Layout, 'index'>,
): Promise<StoreIndex | undefined> {
  const bytes = files.readWhole(path);
  return bytes && parseIndex(bytes, path);
}

/** @throws StoreError `STORE_CORRUPT`, of the file `path`. */
export async function parseIndex(bytes: Uint8Array, path: string): Promise<StoreIndex> {
  const index = await inspectIndexText(bytes);
  if (typeof index !== 'string') return index;
  throw new StoreError(
    'STORE_CORRUPT',
    `reading ${path}: found ${index}, wanted an OCI image index`,
    { hint: 'osv-convert store verify --repair' },
  );
}

/** What the bytes say; or, in words, what they are where they say nothing. */
export async function inspectIndexText(bytes: Uint8Array): Promise<StoreIndex | string> {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return 'no JSON';
  }
  const validate = await createValidator('store-index');
  const complaint = validate(value);
  return complaint === undefined ? (value as StoreIndex) : `other JSON (${complaint})`;
}

export function nameOf(descriptor: Descriptor): string | undefined {
  return descriptor.annotations?.[nameKey];
}

/** A platform that is not told may be any. */
function overlap(a: DescriptorPlatform | undefined, b: DescriptorPlatform | undefined): boolean {
  if (a === undefined || b === undefined) return true;
  return a.os === b.os && a.architecture === b.architecture && a.variant === b.variant;
}

/** Other tools may name manifests by digests of other kinds, which this store cannot look up. */
export function isOurs(descriptor: Descriptor): boolean {
  return nameOf(descriptor) !== undefined && hasOurDigest(descriptor);
}

export function hasOurDigest({ digest }: Descriptor): boolean {
  return isDigest(digest);
}
