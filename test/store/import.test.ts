import { Buffer } from 'node:buffer';
import { expect, test } from 'vitest';
import { type Digest, digestOf, hexOf, openMemoryStore, StoreError } from '../../store/index.ts';
import { archiveOf, ociMembers } from '../support/archives.ts';
import { descriptorOf, jsonBytes, mediaTypes } from '../support/descriptor.ts';
import { buildImage } from '../support/image.ts';
import { compress, directory, file, hardlink, type LayerItem, symlink } from '../support/layers.ts';
import { member, pax, archive as rawArchive } from '../support/tar-builder.ts';
import {
  arm,
  both,
  bytesOf,
  gather,
  hello,
  helloArchive,
  helloMembers,
  nameKey,
  put,
} from './archived.ts';

async function* inPieces(bytes: Uint8Array, length: number) {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}

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
