import { Buffer } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { createValidator } from '../schemas/index.ts';
import type { Descriptor, DescriptorPlatform } from './descriptor.ts';
import { writeFileWhole } from './draft.ts';
import { StoreError } from './error.ts';
import { ifPresent, storing } from './io-error.ts';
import type { Layout } from './layout.ts';
import { withLock } from './lock.ts';
import { compareNames } from './name.ts';
import type { Refs } from './store.ts';

const nameKey = 'org.opencontainers.image.ref.name';

/** What a name means where no platform is given. */
const usualPlatform: DescriptorPlatform = { os: 'linux', architecture: 'amd64' };

/** index.json (OCI image-spec, image-index.md). What other tools wrote in it is carried along. */
interface StoreIndex {
  readonly schemaVersion: 2;
  readonly mediaType?: string;
  readonly manifests: readonly Descriptor[];
}

const emptyIndex: StoreIndex = {
  schemaVersion: 2,
  mediaType: 'application/vnd.oci.image.index.v1+json',
  manifests: [],
};

export function createRefs(layout: Layout, prepare: () => Promise<void>): Refs {
  const read = async () => (await readIndex(layout)) ?? emptyIndex;

  const get: Refs['get'] = async (name, platform) => {
    const { manifests } = await read();
    const named = manifests.filter((entry) => isOurs(entry) && nameOf(entry) === name);
    if (platform !== undefined) return named.find((entry) => overlap(entry.platform, platform));
    return named.find((entry) => overlap(entry.platform, usualPlatform)) ?? named[0];
  };

  /** Reads, changes and replaces index.json while no other process does. */
  const update = async (change: (index: StoreIndex) => StoreIndex) => {
    await prepare();
    await locking(layout, async () => writeIndex(layout, change(await read())));
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
      // What is so already can be said of a store that cannot be written, too.
      if (isDeepStrictEqual(await get(name, named.platform), named)) {
        return;
      }
      await update((index) => ({
        ...emptyIndex,
        ...index,
        manifests: [
          ...index.manifests.filter(
            (other) => nameOf(other) !== name || !overlap(other.platform, named.platform),
          ),
          named,
        ],
      }));
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

/** Writes an empty index.json, which a layout must have, unless there is one. */
export async function ensureIndex(layout: Layout): Promise<void> {
  if ((await readIndex(layout)) === undefined) {
    await locking(layout, async () => {
      if ((await readIndex(layout)) === undefined) {
        await writeIndex(layout, emptyIndex);
      }
    });
  }
}

function locking(layout: Layout, use: () => Promise<void>): Promise<void> {
  const lock = join(layout.leases, 'index.lock');
  return storing(lock, () => withLock(lock, use));
}

async function writeIndex(layout: Layout, index: StoreIndex): Promise<void> {
  const text = `${JSON.stringify(index, undefined, 2)}\n`;
  await writeFileWhole(layout.ingest, layout.index, Buffer.from(text));
}

async function readIndex({ index: path }: Layout): Promise<StoreIndex | undefined> {
  const text = await ifPresent(path, () => readFile(path, 'utf8'));
  if (text === undefined) {
    return undefined;
  }
  const corrupt = (what: string, cause?: unknown) =>
    new StoreError('STORE_CORRUPT', `reading ${path}: ${what}`, {
      cause,
      hint: `rm '${path}' and pull the images again; their layers are kept`,
    });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw corrupt('found no JSON, wanted an OCI image index', error);
  }
  const validate = await createValidator('store-index');
  const complaint = validate(value);
  if (complaint !== undefined) {
    throw corrupt(complaint);
  }
  return value as StoreIndex;
}

function nameOf(descriptor: Descriptor): string | undefined {
  return descriptor.annotations?.[nameKey];
}

/** A platform that is not told may be any. */
function overlap(a: DescriptorPlatform | undefined, b: DescriptorPlatform | undefined): boolean {
  if (a === undefined || b === undefined) return true;
  return a.os === b.os && a.architecture === b.architecture && a.variant === b.variant;
}

/** Other tools may name manifests by digests of other kinds, which this store cannot look up. */
function isOurs(descriptor: Descriptor): boolean {
  return nameOf(descriptor) !== undefined && /^sha256:[0-9a-f]{64}$/.test(descriptor.digest);
}
