import { Buffer } from 'node:buffer';
import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { myself } from '../../store/files/owner.ts';
import {
  type Descriptor,
  type Digest,
  type GcOptions,
  hexOf,
  openStore,
  type Store,
} from '../../store/index.ts';
import { formatLeaseHead } from '../../store/leases/lease-file.ts';
import { buildImage, type Image } from '../support/image.ts';
import { file } from '../support/layers.ts';
import { temporaryPath } from '../support/temporary-folder.ts';

/** The folder of the store that the running test collects. */
export const dir = temporaryPath('gc');

export const hour = 3_600_000;
export const day = 24 * hour;

export const blobPath = (digest: Digest) => join(dir(), 'blobs/sha256', hexOf(digest));
export const blobsLeft = () =>
  readdirSync(join(dir(), 'blobs/sha256')).map((hex) => `sha256:${hex}`);

/** The bytes of the index that an image of several platforms is. */
export const indexBytes = ({ root, blobs }: Image) => blobs.get(root.digest) ?? Buffer.of();

export const digestsOf = (...images: readonly Image[]) =>
  [...new Set(images.flatMap(({ blobs }) => [...blobs.keys()]))].sort();

/** An image that shares its first layer with every other. */
export function imageOf(content: string, recipe: Partial<Parameters<typeof buildImage>[0]> = {}) {
  return buildImage({ layers: [[file('common', 'common')], [file('own', content)]], ...recipe });
}

/** Opens the store for `use`, and lets go of everything. */
export async function using<T>(
  use: (store: Store) => Promise<T>,
  options: Parameters<typeof openStore>[1] = {},
): Promise<T> {
  const store = await openStore(dir(), options);
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

/** Puts the image into the store, under the name if there is one. */
export async function load(
  name: string | undefined,
  image: Image,
  entry: Partial<Descriptor> = {},
) {
  await using(async ({ blobs, refs }) => {
    for (const bytes of image.blobs.values()) await blobs.put(bytes);
    if (name !== undefined) await refs.set(name, { ...image.root, ...entry });
  });
}

export const gc = (options: GcOptions = {}) => using((store) => store.gc(options));

/** As if that long had passed since the last change. */
export function age(path: string, milliseconds: number): void {
  const then = (Date.now() - milliseconds) / 1000;
  utimesSync(path, then, then);
}

export function write(path: string, content: string | Uint8Array = 'content'): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

/** The lease of another process of this host, written as `hold` does. */
export async function leaseText(
  digest: Digest,
  owner?: { pid: number; start: string; realm: string },
) {
  const head = {
    id: 'other',
    purpose: 'a test',
    created: new Date(),
    owner: owner ?? (await myself()),
  };
  return `${formatLeaseHead(head)}${digest}\n`;
}
