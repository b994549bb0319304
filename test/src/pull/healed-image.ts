import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { type ConvertOptions, convert } from '../../../src/convert.ts';
import { push } from '../../../src/copy/push.ts';
import type { ConvertEvent } from '../../../src/event.ts';
import { pull } from '../../../src/pull/pull.ts';
import { type Digest, digestOf, openStore, type Store } from '../../../store/index.ts';
import { helloImage } from '../../support/hello-image.ts';
import { type BuiltImage, buildImage } from '../../support/image.ts';
import { file } from '../../support/layers.ts';
import { instantPace } from '../../support/pace.ts';
import { type Registry, startRegistry } from '../../support/registry/registry.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

export const folder = temporaryFolder('heal');
let count = 0;

/** A path at which nothing is yet. */
export function newPath(what: string): string {
  count += 1;
  return join(folder, `${what}-${count}`);
}

/** An image, the registry that has it, and by which name. */
export let image: BuiltImage;

export let registry: Registry;
export let name = '';

/** Of the disk that a sound store gives. */
export let wanted: Digest;

/** What was warned of in the running test. */
export const warnings: string[] = [];

beforeAll(async () => {
  image = await helloImage();
  registry = await startRegistry({ images: { 'hello:1': image } });
  name = `${registry.host}/hello:1`;
  const store = await openStore(join(folder, 'sound'));
  await pull(store, name, told());
  wanted = await build(store);
  // From here on the name means another image.
  const moved = buildImage({ layers: [[file('other', 'image')]] });
  const other = await startRegistry({ images: { 'moved:1': moved } });
  await push(store, `docker://${other.host}/moved:1`, name, told());
  await other.close();
  await store.close();
});

afterEach(() => void warnings.splice(0));

afterAll(async () => {
  await registry.close();
});

/** At a pace at which nothing takes time. */
export const told = () => ({
  registry: { pace: instantPace() },
  onEvent(event: ConvertEvent) {
    if (event.event === 'warning') warnings.push(event.text);
  },
});

/** A copy of a store with the image, which led to `wanted`. */
export async function copied(): Promise<Store> {
  const path = newPath('store');
  await cp(join(folder, 'sound'), path, { recursive: true });
  return await openStore(path);
}

/** The digest of the disk that the store gives. */
export async function build(store: Store, options: Partial<ConvertOptions> = {}): Promise<Digest> {
  const disk = newPath('disk');
  const usual = { ...told(), format: 'raw', boot: 'direct', hostEnv: {} } as const;
  await convert(store, name, disk, { ...usual, ...options });
  const digest = digestOf(await readFile(disk));
  await rm(disk);
  return digest;
}

export const blobPath = (digest: Digest) => join('blobs', ...digest.split(':'));
export const layerPath = (digest: Digest, part = '') =>
  join('layers/v2', ...digest.split(':'), part);

/** Flips a bit of a file of the store, so far into it. */
export async function flip(store: Store, path: string, at = 0.5): Promise<void> {
  const bytes = await readFile(join(store.path, path));
  const place = Math.floor(at * bytes.length);
  bytes.writeUInt8(bytes.readUInt8(place) ^ 4, place);
  await writeFile(join(store.path, path), bytes);
}

export async function lose(store: Store, path: string): Promise<void> {
  await rm(join(store.path, path), { recursive: true });
}

/** Every file of blobs and layers that this image is made of. */
export function filesInUse() {
  const [base, app] = image.layers;
  if (base === undefined || app === undefined) throw new Error('the image has two layers');
  return { manifest: image.root.digest, config: image.config.digest, base, app };
}

export async function everyFileOf(store: Store): Promise<readonly string[]> {
  const found: string[] = [];
  for (const part of ['blobs', 'layers']) {
    const entries = await readdir(join(store.path, part), { recursive: true, withFileTypes: true });
    for (const entry of entries.filter((entry) => entry.isFile())) {
      found.push(relative(store.path, join(entry.parentPath, entry.name)));
    }
  }
  return found.sort();
}

type Damage = (store: Store) => Promise<void>;

/** What can happen to a store, and the digest that tells of it where it cannot be mended. */
function damages(): Record<string, { readonly digest: Digest; readonly harm: Damage }> {
  const { manifest, config, app } = filesInUse();
  const blob = app.descriptor.digest;
  const layer = layerPath(app.diffID);
  return {
    'a flipped manifest': { digest: manifest, harm: (store) => flip(store, blobPath(manifest)) },
    'a flipped config': { digest: config, harm: (store) => flip(store, blobPath(config)) },
    'a lost manifest': { digest: manifest, harm: (store) => lose(store, blobPath(manifest)) },
    'a lost config': { digest: config, harm: (store) => lose(store, blobPath(config)) },
    'a lost layer': {
      digest: blob,
      async harm(store) {
        await lose(store, blobPath(blob));
        await lose(store, layer);
      },
    },
    'a flipped layer that is not unpacked': {
      digest: blob,
      async harm(store) {
        await flip(store, blobPath(blob));
        await lose(store, layer);
      },
    },
    'a flipped file of a layer whose blob is lost': {
      digest: app.diffID,
      async harm(store) {
        await flip(store, join(layer, 'tar'));
        await lose(store, blobPath(blob));
      },
    },
    'a flipped file of a layer whose blob is flipped too': {
      digest: app.diffID,
      async harm(store) {
        await flip(store, join(layer, 'tar'));
        await flip(store, blobPath(blob));
      },
    },
    'everything flipped': {
      digest: manifest,
      async harm(store) {
        for (const path of await everyFileOf(store)) await flip(store, path);
      },
    },
  };
}

export const kinds = [
  'a flipped manifest',
  'a flipped config',
  'a lost manifest',
  'a lost config',
  'a lost layer',
  'a flipped layer that is not unpacked',
  'a flipped file of a layer whose blob is lost',
  'a flipped file of a layer whose blob is flipped too',
  'everything flipped',
] as const;

export async function damaged(
  kind: string,
): Promise<{ readonly store: Store; readonly digest: Digest }> {
  const store = await copied();
  const damage = damages()[kind];
  if (damage === undefined) throw new Error(`no damage is called ${kind}`);
  await damage.harm(store);
  return { store, digest: damage.digest };
}
