import { Buffer } from 'node:buffer';
import { expect, test } from 'vitest';
import {
  createMemoryFiles,
  type Descriptor,
  type Entry,
  hexOf,
  openMemoryStore,
  openStore,
  type Store,
  scanTar,
} from '../../store/index.ts';
import { descriptorOf, jsonBytes, mediaTypes } from '../support/descriptor.ts';
import type { Image } from '../support/image.ts';
import { file, layerTar } from '../support/layers.ts';
import { arm, both, bytesOf, gather, hello, helloArchive, nameKey, put } from './archived.ts';

/** Names of all kinds: two platforms, an index of which one platform is there, artifacts, a layer made here. */
async function fill(store: Store): Promise<void> {
  await put(store, 'docker.io/library/hello:1.0', hello, { annotations: { 'a.note': 'kept' } });
  await put(store, 'docker.io/library/hello:1.0', arm);
  await put(store, 'quay.io/acme/hello:2', { root: both.root, blobs: new Map(hello.blobs) });
  await store.blobs.put(both.blobs.get(both.root.digest) ?? new Uint8Array());
  const kernel = artifactOf(descriptorOf('application/octet-stream', Buffer.from('kernel')), 'k');
  await store.blobs.put(Buffer.from('kernel'));
  await put(store, 'kernel/v1', kernel, { artifactType: 'k' });
  const { diffID, size } = await store.layers.write(bytesOf(layerTar([file('dotnet', 'dotnet')])));
  const layer = { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: diffID, size };
  await put(store, 'runtime/key', artifactOf(layer, 'r'), {
    artifactType: 'r',
    annotations: { 'osv-convert.runtime.layer': diffID },
  });
}

function artifactOf(layer: Descriptor, artifactType: string): Image {
  const empty = Buffer.from('{}');
  const config = descriptorOf('application/vnd.oci.empty.v1+json', empty);
  const bytes = jsonBytes({
    schemaVersion: 2,
    mediaType: mediaTypes.oci.manifest,
    artifactType,
    config,
    layers: [layer],
  });
  const root = descriptorOf(mediaTypes.oci.manifest, bytes);
  return {
    root,
    blobs: new Map([
      [config.digest, empty],
      [root.digest, bytes],
    ]),
  };
}

async function namesIn(archive: Uint8Array): Promise<readonly string[]> {
  const entries: Entry[] = [];
  await scanTar(bytesOf(archive), (entry) => entries.push(entry));
  return entries.map(({ path }) => path);
}

async function indexIn(archive: Uint8Array): Promise<readonly Descriptor[]> {
  const entries: Entry[] = [];
  await scanTar(bytesOf(archive), (entry) => entries.push(entry));
  const index = entries.find(({ path }) => path === 'index.json');
  if (index?.kind !== 'file') throw new Error('the archive has no index.json');
  const text = Buffer.from(archive.subarray(index.offset, index.offset + index.size));
  return JSON.parse(text.toString()).manifests;
}

const blobPaths = (...images: readonly Image[]) =>
  [...new Set(images.flatMap(({ blobs }) => [...blobs.keys()]))]
    .sort()
    .map((digest) => `blobs/sha256/${hexOf(digest)}`);

test('import brings in exactly what export gave, and export then gives the same bytes', async () => {
  const store = await openMemoryStore();
  await fill(store);
  const archive = await gather(store.export());
  expect(await gather(store.export())).toEqual(archive);

  const other = await openMemoryStore();
  const imported = await other.import(bytesOf(archive));
  expect(imported).toEqual(await store.refs.list());
  expect(await other.refs.list()).toEqual(imported);
  expect(await indexIn(archive)).toEqual(imported.map(({ descriptor }) => descriptor));
  expect(await gather(other.export())).toEqual(archive);

  const runtime = await other.refs.get('runtime/key');
  const { layers } = JSON.parse(
    Buffer.from(await other.blobs.read(runtime?.digest ?? hello.root.digest, 4096)).toString(),
  );
  await other.layers.ingest(layers[0].digest, layers[0].digest);
  const layer = await other.layers.open(layers[0].digest);
  expect(layer.index.entries.map(({ path }) => path)).toEqual(['dotnet']);
  layer.close();
});

test('export gives the marker, the index and then the blobs in order, each once', async () => {
  const store = await openMemoryStore();
  await put(store, 'a', hello);
  await put(store, 'b', hello);
  const archive = await gather(store.export());
  expect(await namesIn(archive)).toEqual([
    'blobs',
    'blobs/sha256',
    'oci-layout',
    'index.json',
    ...blobPaths(hello),
  ]);
});

test('export tells how far it is, up to the size it told first', async () => {
  const store = await openMemoryStore();
  await put(store, 'a', hello);
  const told: { written: number; size: number }[] = [];
  await gather(store.export({ onProgress: (progress) => told.push(progress) }));
  expect(new Set(told.map(({ size }) => size)).size).toBe(1);
  expect(told.at(-1)?.written).toBe(told[0]?.size);
});

test.each([
  [['hello'], ['hello']],
  [
    ['kernel/*', 'hello'],
    ['hello', 'kernel/a', 'kernel/b'],
  ],
  [['*'], ['hello', 'kernel/a', 'kernel/b', 'other']],
  [['k*/*b'], ['kernel/b']],
  [[], []],
])('export takes along what %j names', async (names, wanted) => {
  const store = await openMemoryStore();
  for (const name of ['other', 'kernel/b', 'kernel/a', 'hello']) await put(store, name, hello);
  const index = await indexIn(await gather(store.export({ names })));
  expect(index.map(({ annotations }) => annotations?.[nameKey])).toEqual(wanted);
});

test('export leaves out platforms that were never pulled', async () => {
  const store = await openMemoryStore();
  await fill(store);
  const archive = await gather(store.export({ names: ['quay.io/*'] }));
  const documents = { root: both.root, blobs: new Map([[both.root.digest, new Uint8Array()]]) };
  // The manifest of arm64 is there under another name, and so comes along.
  expect((await namesIn(archive)).slice(4)).toEqual(blobPaths(hello, arm, documents));

  const lean = await openMemoryStore();
  await put(lean, 'hello', { root: both.root, blobs: new Map(hello.blobs) });
  await lean.blobs.put(both.blobs.get(both.root.digest) ?? new Uint8Array());
  const leanArchive = await gather(lean.export());
  expect((await namesIn(leanArchive)).slice(4)).toEqual(blobPaths(hello, documents));
  const other = await openMemoryStore();
  expect(await other.import(bytesOf(leanArchive))).toEqual(await lean.refs.list());
});

test('export fails with BLOB_MISSING when there is no such name', async () => {
  const store = await openMemoryStore();
  await put(store, 'hello', hello);
  for (const name of ['hell', 'kernel/*']) {
    const failure = gather(store.export({ names: ['hello', name] }));
    await expect(failure).rejects.toMatchObject({ code: 'BLOB_MISSING' });
    await expect(failure).rejects.toThrow(name);
  }
});

test.each([
  ['a layer', hello.layers[0]?.descriptor.digest],
  ['the config', hello.config.digest],
  ['the manifest', hello.root.digest],
])('export fails with BLOB_MISSING before its first byte when %s is missing', async (_, lost) => {
  const store = await openMemoryStore();
  const blobs = new Map([...hello.blobs].filter(([digest]) => digest !== lost));
  await put(store, 'hello', { root: hello.root, blobs });
  let given = 0;
  const exporting = async () => {
    for await (const chunk of store.export()) given += chunk.length;
  };
  await expect(exporting()).rejects.toMatchObject({ code: 'BLOB_MISSING', digest: lost });
  expect(given).toBe(0);
});

test('export fails with STORE_CORRUPT when a blob is damaged', async () => {
  const files = createMemoryFiles();
  const store = await openStore('/s', { files });
  await put(store, 'hello', hello);
  const lost = hello.layers[0]?.descriptor.digest ?? hello.root.digest;
  const damaged = files.update(`/s/blobs/sha256/${hexOf(lost)}`);
  damaged.write(Buffer.from('x'), 30);
  damaged.close();
  await expect(gather(store.export())).rejects.toMatchObject({
    code: 'STORE_CORRUPT',
    digest: lost,
  });
});

test('export and import end when they are told to', async () => {
  const store = await openMemoryStore();
  await put(store, 'hello', hello);
  const archive = await gather(store.export());
  const signal = AbortSignal.abort(new Error('enough'));
  await expect(gather(store.export({ signal }))).rejects.toThrow('enough');
  const other = await openMemoryStore();
  await expect(other.import(bytesOf(archive), { signal })).rejects.toThrow('enough');
  expect(await other.refs.list()).toEqual([]);
});

test('import fails with STORE_UNUSABLE in a store opened for reading only', async () => {
  const store = await openMemoryStore({ readOnly: true });
  await expect(store.import(bytesOf(helloArchive))).rejects.toMatchObject({
    code: 'STORE_UNUSABLE',
  });
});
