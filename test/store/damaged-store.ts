import { Buffer } from 'node:buffer';
import { join } from 'node:path';
import { expect } from 'vitest';
import { createValidator } from '../../schemas/index.ts';
import { createMemoryFiles } from '../../store/files/memory.ts';
import {
  type Digest,
  digestOf,
  type Files,
  type Finding,
  hexOf,
  type LostBlob,
  openStore,
  parseDiffID,
  type Store,
  type StoreEvent,
  type VerifyOptions,
  type VerifyReport,
} from '../../store/index.ts';
import { buildImage, buildIndex } from '../support/image.ts';
import { type BuiltLayer, directory, file, layerTar } from '../support/layers.ts';

export const root = '/store';

/** Two layers, one as it is; of the index only one platform was ever pulled. */
export const image = buildImage({
  layers: [
    [directory('app'), file('app/bin', 'a'.repeat(3000)), file('app/text', 'some text')],
    [file('app/more', 'more')],
  ],
});

export const plain = buildImage({ layers: [[file('plain', 'plain')]], compression: 'none' });
export const foreign = buildImage({ layers: [[file('foreign', 'x')]], architecture: 'arm64' });
export const index = buildIndex([plain, foreign]);
export const runtime = layerTar([file('usr/lib/dotnet/libhost.so', 'runtime')]);
export const runtimeDigest = parseDiffID(digestOf(runtime));
export const origin = new Map([...image.blobs, ...index.blobs]);

function layerAt(at: number): BuiltLayer {
  const layer = image.layers[at];
  if (layer === undefined) throw new Error('the image has two layers');
  return layer;
}

export const lower = layerAt(0);
export const upper = layerAt(1);
export const imageName = 'registry.example/app:1';
export const indexName = 'registry.example/plain:1';

export async function* chunks(...parts: readonly Uint8Array[]) {
  yield* parts;
}

/** A store in which every kind of file is. */
async function filledFiles(): Promise<Files> {
  const files = createMemoryFiles();
  const store = await openStore(root, { files });
  for (const { blobs, layers } of [image, plain]) {
    for (const bytes of blobs.values()) await store.blobs.put(bytes);
    for (const { descriptor, diffID } of layers) {
      await store.layers.ingest(descriptor.digest, diffID);
    }
  }
  await store.blobs.put(origin.get(index.root.digest) ?? Buffer.of());
  await store.refs.set(imageName, image.root);
  await store.refs.set(indexName, index.root);
  await store.layers.write(chunks(runtime));
  const config = await store.blobs.put(Buffer.from('{}'));
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      config: { mediaType: 'application/vnd.oci.empty.v1+json', digest: config, size: 2 },
      layers: [{ mediaType: 'application/x-tar', digest: runtimeDigest, size: runtime.length }],
    }),
  );
  const digest = await store.blobs.put(manifest);
  await store.refs.set('runtime/1', { mediaType: 'x/y', digest, size: manifest.length });
  await store.leases.create({ purpose: 'a test', digests: [image.root.digest] });
  await store.close();
  return files;
}

interface Saved {
  readonly bytes: Uint8Array;
  readonly inode: number;
}

/** Every file by its path in the store. */
export function contentsOf(files: Files, folder = root): Map<string, Saved> {
  const found = new Map<string, Saved>();
  for (const { name, kind } of files.list(folder) ?? []) {
    const path = join(folder, name);
    if (kind === 'folder') {
      for (const [below, saved] of contentsOf(files, path)) found.set(join(name, below), saved);
    } else {
      const bytes = files.readWhole(path) ?? Buffer.of();
      found.set(name, { bytes, inode: files.stat(path)?.inode ?? 0 });
    }
  }
  return found;
}

/** The store as it was filled. */
export const whole: ReadonlyMap<string, Saved> = contentsOf(await filledFiles());

/** The store as it was filled, with what `change` does to the bytes of one file. */
export function storeFiles(
  path?: string,
  change: (bytes: Buffer) => Uint8Array = (bytes) => bytes,
): Files {
  const files = createMemoryFiles();
  const made = new Map<number, string>();
  for (const [name, { bytes, inode }] of whole) {
    const to = join(root, name);
    for (const folder of foldersOf(to).slice(1)) files.makeFolder(folder);
    const twin = made.get(inode);
    made.set(inode, to);
    if (twin !== undefined) {
      files.link(twin, to);
    } else {
      const file = files.create(to);
      file.write(bytes, 0);
      file.close();
    }
  }
  if (path !== undefined) rewrite(files, path, change);
  return files;
}

/** The folders above a path, from the top down. */
export function foldersOf(path: string): string[] {
  const names = path.split('/').slice(0, -1);
  return names.map((_, at) => names.slice(0, at + 1).join('/'));
}

/** In place, so that other names of the file see it too. */
export function rewrite(files: Files, path: string, change: (bytes: Buffer) => Uint8Array): void {
  const bytes = change(Buffer.from(files.readWhole(join(root, path)) ?? Buffer.of()));
  const file = files.update(join(root, path));
  file.truncate(bytes.length);
  file.write(bytes, 0);
  file.close();
}

export const flip =
  (at: number, bit = 0) =>
  (bytes: Buffer) => {
    const place = at < 0 ? bytes.length + at : at;
    bytes.writeUInt8(bytes.readUInt8(place) ^ (1 << bit), place);
    return bytes;
  };

export const blob = (digest: Digest) => join('blobs/sha256', hexOf(digest));
export const tar = (digest: Digest) => join('layers/v2/sha256', hexOf(digest), 'tar');
export const layerIndex = (digest: Digest) => join('layers/v2/sha256', hexOf(digest), 'index');

/** Gives blobs from where the images came from. */
export const refetchTo =
  (store: Store, gives: ReadonlyMap<Digest, Uint8Array>) =>
  async ({ digest }: Pick<LostBlob, 'digest'>): Promise<boolean> => {
    const bytes = gives.get(digest);
    if (bytes === undefined) return false;
    const open = (offset: number) => chunks(bytes.subarray(offset));
    await store.blobs.fetch({ digest, size: bytes.length }, open);
    return true;
  };

const everything = () =>
  new Map(
    [...whole]
      .filter(([name]) => name.startsWith('blobs/'))
      .map(([, { bytes }]) => [digestOf(bytes), bytes]),
  );

export async function reportOf(files: Files, options: VerifyOptions, events: StoreEvent[] = []) {
  const store = await openStore(root, {
    files,
    repair: options.repair === true,
    onEvent: (event) => events.push(event),
  });
  const report = await store.verify({
    ...options,
    ...(options.refetch === fromOrigin && { refetch: refetchTo(store, origin) }),
    ...(options.refetch === fromAnywhere && { refetch: refetchTo(store, everything()) }),
  });
  await store.close();
  const validate = await createValidator('verify');
  expect(validate(report)).toBeUndefined();
  return report;
}

/** Stand for `refetchTo` the store that is verified: the images, or what was packed here, too. */
export const fromOrigin = async () => false;

export const fromAnywhere = async () => false;
export const quick = (files: Files) => reportOf(files, {});
export const full = (files: Files) => reportOf(files, { full: true });

export const repaired = (files: Files, refetch = fromOrigin) =>
  reportOf(files, { full: true, repair: true, refetch });

export const seriousOf = ({ findings }: VerifyReport): readonly Finding[] =>
  findings.filter(({ severity }) => severity !== 'note');

/** The files that are not what they were. */
export function changedIn(files: Files): string[] {
  const now = contentsOf(files);
  const isSame = (name: string, { bytes }: Saved) =>
    now.get(name) !== undefined && Buffer.from(bytes).equals(now.get(name)?.bytes ?? bytes);
  return [...whole].filter(([name, saved]) => !isSame(name, saved)).map(([name]) => name);
}

export const quarantineOf = (files: Files) =>
  (files.list(join(root, 'quarantine')) ?? []).map(({ name }) => name).sort();
