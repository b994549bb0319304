import { Buffer } from 'node:buffer';
import { expect, test } from 'vitest';
import {
  createMemoryFiles,
  type Descriptor,
  type Digest,
  digestOf,
  type Entry,
  hexOf,
  openMemoryStore,
  openStore,
  type Store,
  StoreError,
  scanTar,
} from '../../store/index.ts';
import { archiveOf, ociMembers } from '../support/archives.ts';
import { descriptorOf, jsonBytes, mediaTypes } from '../support/descriptor.ts';
import { buildImage, buildIndex, type Image } from '../support/image.ts';
import {
  compress,
  directory,
  file,
  hardlink,
  type LayerItem,
  layerTar,
  symlink,
} from '../support/layers.ts';
import { member, pax, archive as rawArchive } from '../support/tar-builder.ts';

const nameKey = 'org.opencontainers.image.ref.name';

const hello = buildImage({ layers: [[file('hello', 'hello')], [file('world', 'world')]] });
const arm = buildImage({ layers: [[file('hello', 'arm')]], architecture: 'arm64' });
const both = buildIndex([hello, arm]);

async function* bytesOf(...chunks: readonly Uint8Array[]) {
  yield* chunks;
}

async function* inPieces(bytes: Uint8Array, length: number) {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}

async function gather(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(Buffer.from(chunk));
  return Buffer.concat(parts);
}

async function put(store: Store, name: string, image: Image, more: Partial<Descriptor> = {}) {
  for (const bytes of image.blobs.values()) await store.blobs.put(bytes);
  await store.refs.set(name, { ...image.root, ...more });
}

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

const helloMembers = ociMembers([[['hello'], hello]]);
const helloArchive = archiveOf(helloMembers);

test.each([
  ['at its end', helloMembers],
  ['at its beginning', [...helloMembers].reverse()],
  [
    'in its middle',
    [...helloMembers.slice(0, 4), ...helloMembers.slice(-2), ...helloMembers.slice(4, -2)],
  ],
])('import takes an archive with the index %s, in chunks of any size', async (_, members) => {
  for (const length of [1000, 7, 1 << 20]) {
    const store = await openMemoryStore();
    const [ref, ...others] = await store.import(inPieces(archiveOf(members), length));
    expect(ref?.descriptor.digest).toBe(hello.root.digest);
    expect(others).toEqual([]);
    for (const [digest, bytes] of hello.blobs) {
      expect(await store.blobs.read(digest, 1 << 20)).toEqual(Buffer.from(bytes));
    }
  }
});

test.each(['gzip', 'zstd'] as const)('import takes an archive in %s', async (compression) => {
  const store = await openMemoryStore();
  const refs = await store.import(inPieces(compress(helloArchive, compression), 100));
  expect(refs.map(({ name }) => name)).toEqual(['hello']);
});

test('import passes over what is no part of a layout', async () => {
  const store = await openMemoryStore();
  const foreign: readonly LayerItem[] = [
    file('manifest.json', '[]'),
    file('blobs/sha512/abc', 'x'),
    file(`blobs/sha256/${'0'.repeat(63)}`, 'x'),
    file(`other/blobs/sha256/${'0'.repeat(64)}`, 'x'),
    symlink('latest', '/etc/passwd'),
    directory('blobs/sha256/folder'),
  ];
  const refs = await store.import(bytesOf(archiveOf([...foreign, ...helloMembers])));
  expect(refs).toHaveLength(1);
});

test('import replaces names of the same platform and leaves the others', async () => {
  const store = await openMemoryStore();
  await put(store, 'hello', arm);
  await put(store, 'hello', buildImage({ layers: [[file('old', 'old')]] }));
  await put(store, 'other', arm);
  await store.import(bytesOf(helloArchive));
  const left = (await store.refs.list()).map(({ name, descriptor }) => [name, descriptor.digest]);
  expect(left).toEqual([
    ['hello', arm.root.digest],
    ['hello', hello.root.digest],
    ['other', arm.root.digest],
  ]);
});

test('import takes an archive whose blobs are in the store already', async () => {
  const store = await openMemoryStore();
  await put(store, 'before', hello);
  const lean = helloMembers.filter(({ entry }) => !entry.path.startsWith('blobs/sha256/'));
  expect(await store.import(bytesOf(archiveOf(lean)))).toHaveLength(1);
  expect(await store.import(bytesOf(helloArchive))).toHaveLength(1);
  expect(await store.refs.list()).toHaveLength(2);
});

/** The members with the bytes of one file changed. */
function changed(path: RegExp, change: (bytes: Uint8Array) => Uint8Array): readonly LayerItem[] {
  return helloMembers.map((item) =>
    path.test(item.entry.path) ? file(item.entry.path, change(item.bytes)) : item,
  );
}

const without = (path: RegExp) => helloMembers.filter(({ entry }) => !path.test(entry.path));
const layerPath = new RegExp(hexOf(hello.layers[0]?.descriptor.digest ?? hello.root.digest));
const configPath = new RegExp(hexOf(hello.config.digest));
const rootPath = new RegExp(hexOf(hello.root.digest));
const indexOf = (entries: readonly object[]) => jsonBytes({ schemaVersion: 2, manifests: entries });

test.each<[string, string, readonly LayerItem[]]>([
  ['has no marker', 'ARCHIVE_INVALID', without(/oci-layout/)],
  ['has no index', 'ARCHIVE_INVALID', without(/index.json/)],
  ['is empty', 'ARCHIVE_INVALID', []],
  [
    'is of a later version',
    'ARCHIVE_INVALID',
    changed(/oci-layout/, () => Buffer.from('{"imageLayoutVersion":"2.0.0"}')),
  ],
  [
    'has a marker that is no JSON',
    'ARCHIVE_INVALID',
    changed(/oci-layout/, () => Buffer.from('x')),
  ],
  ['has an index that is no JSON', 'ARCHIVE_INVALID', changed(/index/, () => Buffer.from('{'))],
  ['has an index of another kind', 'ARCHIVE_INVALID', changed(/index/, () => Buffer.from('{}'))],
  [
    'has an index beyond all measure',
    'ARCHIVE_INVALID',
    changed(/index/, () => Buffer.alloc(33 << 20, ' ')),
  ],
  [
    'has two different indexes',
    'ARCHIVE_INVALID',
    [file('index.json', indexOf([])), ...helloMembers],
  ],
  ['names nothing', 'ARCHIVE_INVALID', changed(/index/, () => indexOf([hello.root]))],
  [
    'has a link in place of a blob',
    'ARCHIVE_INVALID',
    [...without(layerPath), symlink(`blobs/sha256/${hexOf(hello.root.digest)}`, '/etc/passwd')],
  ],
  [
    'has a hard link in place of its index',
    'ARCHIVE_INVALID',
    [...helloMembers, hardlink('index.json', 'oci-layout')],
  ],
  ['has a name that leads out', 'ARCHIVE_INVALID', [file('../x', 'x'), ...helloMembers]],
  [
    'has a blob with other bytes',
    'DIGEST_MISMATCH',
    changed(layerPath, (bytes) => Buffer.concat([bytes.subarray(1), Buffer.of(7)])),
  ],
  ['has a blob cut short', 'DIGEST_MISMATCH', changed(rootPath, (bytes) => bytes.subarray(1))],
  ['lacks a layer', 'ARCHIVE_INVALID', without(layerPath)],
  ['lacks a config', 'ARCHIVE_INVALID', without(configPath)],
  ['lacks a manifest', 'ARCHIVE_INVALID', without(rootPath)],
  [
    'tells another size of a manifest',
    'SIZE_MISMATCH',
    changed(/index/, () => indexOf([{ ...hello.root, size: 7, annotations: { [nameKey]: 'x' } }])),
  ],
  [
    'lacks all platforms of an index',
    'ARCHIVE_INVALID',
    ociMembers([
      [['both'], { root: both.root, blobs: new Map([...both.blobs].slice(-1)) }],
      [['hello'], hello],
    ]).filter(({ entry }) => !rootPath.test(entry.path)),
  ],
])('import sets no name when the archive %s', async (_, code, members) => {
  const store = await openMemoryStore();
  await put(store, 'before', arm);
  const before = await store.refs.list();
  await expect(store.import(bytesOf(archiveOf(members)))).rejects.toMatchObject({ code });
  expect(await store.refs.list()).toEqual(before);
});

test('import compares a blob that the store has with what the archive says it is', async () => {
  const store = await openMemoryStore();
  await put(store, 'before', hello);
  const members = changed(layerPath, (bytes) => Buffer.alloc(bytes.length));
  await expect(store.import(bytesOf(archiveOf(members)))).rejects.toMatchObject({
    code: 'DIGEST_MISMATCH',
  });
});

test('import fails with ARCHIVE_INVALID for a file with holes as a blob', async () => {
  const store = await openMemoryStore();
  const records = { size: '1000', numblocks: '1', map: '0,3' };
  const holes = Object.entries(records).map(
    ([key, value]) => [`GNU.sparse.${key}`, value] as const,
  );
  const sparse = rawArchive(pax(holes), member({ name: 'index.json' }, 'abc'));
  await expect(store.import(bytesOf(sparse))).rejects.toMatchObject({ code: 'ARCHIVE_INVALID' });
});

test('import fails with LAYER_LIMIT for an archive that inflates beyond all measure', async () => {
  const store = await openMemoryStore({ limits: { ratio: 10, ratioFloor: 1000 } });
  const bomb = archiveOf([file('zeros', Buffer.alloc(1 << 20)), ...helloMembers]);
  await expect(store.import(bytesOf(compress(bomb, 'gzip')))).rejects.toMatchObject({
    code: 'LAYER_LIMIT',
  });
});

test('import sets no name when the archive is cut off anywhere', async () => {
  const source = await openMemoryStore();
  await put(source, 'hello', hello);
  const archive = await gather(source.export());
  // In the padding of the last file nothing is lost.
  const end = archive.length - 1024 - 512;
  for (let length = 0; length <= end; length += 256) {
    const store = await openMemoryStore();
    const importing = store.import(inPieces(archive.subarray(0, length), 4096));
    await expect(importing).rejects.toBeInstanceOf(StoreError);
    expect(await store.refs.list()).toEqual([]);
  }
});

test('import of an archive with a flipped bit fails, or gives names of whole images', async () => {
  for (let at = 0; at < helloArchive.length; at += 37) {
    const flipped = Buffer.from(helloArchive);
    flipped[at] = (flipped[at] ?? 0) ^ 4;
    const store = await openMemoryStore();
    try {
      await store.import(bytesOf(flipped));
    } catch (error) {
      expect(error).toBeInstanceOf(StoreError);
      expect(await store.refs.list()).toEqual([]);
      continue;
    }
    for (const { descriptor } of await store.refs.list()) {
      expect(descriptor.digest).toBe(hello.root.digest);
      for (const digest of hello.blobs.keys()) await store.blobs.read(digest, 1 << 20);
    }
  }
});

test('import fails with STORE_UNUSABLE in a store opened for reading only', async () => {
  const store = await openMemoryStore({ readOnly: true });
  await expect(store.import(bytesOf(helloArchive))).rejects.toMatchObject({
    code: 'STORE_UNUSABLE',
  });
});

test('import is not misled by indexes that list each other very often and very deep', async () => {
  const blobs = new Map<Digest, Uint8Array>(hello.blobs);
  let list = [hello.root];
  for (let depth = 0; depth < 1000; depth += 1) {
    const manifests = [...list, ...list];
    const bytes = jsonBytes({ schemaVersion: 2, depth, manifests });
    blobs.set(digestOf(bytes), bytes);
    list = [descriptorOf(mediaTypes.oci.index, bytes)];
  }
  const [root = hello.root] = list;
  const store = await openMemoryStore();
  await store.import(bytesOf(archiveOf(ociMembers([[['deep'], { root, blobs }]]))));
  expect((await store.refs.get('deep'))?.digest).toBe(root.digest);
  expect((await gather(store.export())).length).toBeGreaterThan(1000 * 1024);
});
