import { Buffer } from 'node:buffer';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { nodeFiles } from '../../store/files/node.ts';
import {
  createMemoryFiles,
  type Digest,
  digestOf,
  hexOf,
  openStore,
  parseDiffID,
  type Store,
} from '../../store/index.ts';
import { readLayerSummary } from '../../store/layers/layer-index.ts';
import { layoutOf } from '../../store/layout.ts';
import { createDigestCounts, prefixOf } from '../../store/usage/digest-counts.ts';
import { type BuiltImage, buildImage, buildIndex, type Image } from '../support/image.ts';
import { layerIndexText } from '../support/layer-index-text.ts';
import { file, hardlink, layerTar } from '../support/layers.ts';
import { makeSyntheticStore } from '../support/synthetic-store.ts';
import { temporaryPath } from '../support/temporary-folder.ts';

/** The folder of the store of the running test. */
const dir = temporaryPath('usage');

const amd64 = { os: 'linux', architecture: 'amd64' };
const common = [file('base', 'b'.repeat(4000))];
const one = buildImage({ layers: [common, [file('app', 'one')]], config: { Cmd: ['one'] } });
const two = buildImage({ layers: [common, [file('app', 'two')]], config: { Cmd: ['two'] } });

async function put(store: Store, image: Image): Promise<void> {
  for (const bytes of image.blobs.values()) await store.blobs.put(bytes);
}

async function add(store: Store, name: string, image: BuiltImage): Promise<void> {
  await put(store, image);
  for (const { descriptor, diffID } of image.layers) {
    await store.layers.ingest(descriptor.digest, diffID);
  }
  await store.refs.set(name, image.root);
}

const layout = () => layoutOf(dir());
const sizeOfFile = (path: string) => statSync(path).size;
const sizeOfBlobs = (digests: Iterable<Digest>) =>
  [...digests].reduce((sum, digest) => sum + sizeOfFile(layout().blob(digest)), 0);
const sizeOfLayers = (image: BuiltImage, from = 0) =>
  image.layers.slice(from).reduce((sum, { diffID }) => {
    const { tar, index } = layout().layer(diffID);
    return sum + sizeOfFile(tar) + sizeOfFile(index);
  }, 0);

/** As the system tells it, a file with two names once. */
function sizeOfStore(): number {
  const sizes = new Map<number, number>();
  for (const name of readdirSync(dir(), { recursive: true, encoding: 'utf8' })) {
    if (/^leases|^oci-layout/.test(name)) continue;
    const { ino, size, ...found } = statSync(join(dir(), name));
    if (found.mode & 0o100000) sizes.set(ino, size);
  }
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}

describe('measureUsage', () => {
  test('finds nothing, and makes nothing, where there is no store', async () => {
    const usage = await (await openStore(dir())).usage({ layers: true, duplicates: true });
    expect(usage).toMatchObject({ size: 0, unreachable: 0, names: [], layers: [], leases: 0 });
    expect(usage.duplicates).toEqual({ files: 0, size: 0, largest: [] });
    expect(existsSync(dir())).toBe(false);
  });

  test('tells own and shared bytes of each name', async () => {
    const store = await openStore(dir());
    await add(store, 'b', two);
    await add(store, 'a', one);
    const { names } = await store.usage();
    expect(names.map(({ name }) => name)).toEqual(['a', 'b']);
    for (const [at, image] of [one, two].entries()) {
      const size = sizeOfBlobs(image.blobs.keys()) + sizeOfLayers(image);
      const base = image.layers[0]?.descriptor.digest;
      const shared = sizeOfBlobs(base ? [base] : []) + sizeOfLayers(image) - sizeOfLayers(image, 1);
      expect(names[at]).toMatchObject({ size, shared, own: size - shared });
      expect(names[at]).toMatchObject({ blobs: 4, missing: 0, layers: 2 });
      expect(names[at]?.descriptor).toMatchObject({ ...image.root, platform: amd64 });
    }
    await store.close();
  });

  test('tells nothing as own where two names lead to one image', async () => {
    const store = await openStore(dir());
    await add(store, 'a', one);
    await add(store, 'b', one);
    for (const { size, own, shared } of (await store.usage()).names) {
      expect([own, shared]).toEqual([0, size]);
    }
    await store.close();
  });

  test('tells the last use of a name by its manifest', async () => {
    const store = await openStore(dir());
    await add(store, 'a', one);
    const used = new Date('2024-05-06T07:08:09Z');
    utimesSync(layout().blob(one.root.digest), used, used);
    expect((await store.usage()).names[0]?.lastUse).toEqual(used);
    rmSync(layout().blob(one.root.digest));
    const [name] = (await store.usage()).names;
    expect(name).toMatchObject({ lastUse: undefined, size: 0, blobs: 0, missing: 1 });
    await store.close();
  });

  test('tells how much is missing when platforms were never pulled', async () => {
    const store = await openStore(dir());
    const arm = buildImage({ layers: [[file('app', 'arm')]], architecture: 'arm64' });
    const index = buildIndex([one, arm]);
    const absent = new Set(arm.blobs.keys());
    for (const [digest, bytes] of index.blobs) {
      if (!absent.has(digest)) await store.blobs.put(bytes);
    }
    await store.refs.set('a', index.root);
    expect((await store.usage()).names[0]).toMatchObject({ blobs: 5, missing: 1, layers: 0 });
    await store.close();
  });

  test('has totals that are all the bytes of the store, hard links counted once', async () => {
    const store = await openStore(dir());
    await add(store, 'a', one);
    const { diffID, size } = await store.layers.write(
      (async function* () {
        yield layerTar([file('packed', 'p'.repeat(9000))]);
      })(),
    );
    expect(statSync(layout().blob(diffID)).nlink).toBe(2);
    mkdirSync(join(dir(), 'layers/v1/sha256/x'), { recursive: true });
    writeFileSync(join(dir(), 'layers/v1/sha256/x/tar'), 'former');
    mkdirSync(layout().quarantine);
    writeFileSync(join(layout().quarantine, 'blob-x'), 'damaged');
    writeFileSync(join(layout().ingest, 'draft'), 'half');
    mkdirSync(layout().partials, { recursive: true });
    writeFileSync(join(layout().partials, hexOf(diffID)), 'part');
    writeFileSync(join(layout().partials, 'no digest'), 'x');
    const usage = await store.usage();
    expect(usage.size).toBe(sizeOfStore());
    const documents = sizeOfBlobs([one.root.digest, one.config.digest]);
    expect(usage.totals).toMatchObject({
      documents,
      blobs: sizeOfBlobs(one.blobs.keys()) - documents,
      layers: one.layers.reduce((sum, { tar }) => sum + tar.length, size),
      otherLayers: 6,
      partials: 4,
      drafts: 5,
      quarantine: 7,
      names: sizeOfFile(layout().index) + sizeOfFile(layout().indexBackup),
    });
    expect(usage.partials).toMatchObject([{ digest: diffID, size: 4, changed: expect.any(Date) }]);
    expect(usage.drafts).toMatchObject([
      { name: 'draft', size: 4 },
      { name: 'partial/sha256/no digest', size: 1 },
    ]);
    expect(usage.quarantine).toMatchObject([{ name: 'blob-x', size: 7 }]);
    await store.close();
  });

  test('takes for unreachable what neither names nor leases lead to', async () => {
    const store = await openStore(dir());
    await add(store, 'a', one);
    await put(store, two);
    await store.refs.set('b', two.root);
    await store.refs.delete('b');
    expect(await store.usage()).toMatchObject({ unreachable: 0, leases: 1 });
    await store.close();
    const left = await (await openStore(dir())).usage();
    const base = two.layers[0]?.descriptor.digest;
    const alone = [...two.blobs.keys()].filter((digest) => digest !== base);
    expect(left).toMatchObject({ unreachable: sizeOfBlobs(alone), leases: 0 });
    expect(await store.gc({ dryRun: true })).toMatchObject({ freed: left.unreachable });
    // Other tools make entries that have no name.
    const index = JSON.parse(readFileSync(layout().index, 'utf8'));
    index.manifests.push(two.root);
    writeFileSync(layout().index, JSON.stringify(index));
    expect(await store.usage()).toMatchObject({ unreachable: 0, names: [{ name: 'a' }] });
  });

  test('tells which documents and indexes are damaged, and goes on', async () => {
    const store = await openStore(dir());
    await add(store, 'a', one);
    await add(store, 'b', two);
    const broken = two.layers[1]?.diffID ?? parseDiffID(two.root.digest);
    truncateSync(layout().layer(broken).index, 5);
    truncateSync(layout().blob(one.config.digest), 5);
    const usage = await store.usage({ layers: true, duplicates: true });
    expect(usage.damaged).toEqual([broken, one.config.digest].sort());
    expect(usage.layers?.find(({ diffID }) => diffID === broken)?.entries).toBeUndefined();
    await store.close();
  });

  test('lists layers, the largest first, when asked to', async () => {
    const store = await openStore(dir());
    await add(store, 'b', two);
    await add(store, 'a', one);
    expect(await store.usage()).not.toHaveProperty('layers');
    const { layers = [] } = await store.usage({ layers: true });
    expect(layers).toHaveLength(3);
    const [base, app] = one.layers;
    const size = base?.tar.length;
    expect(layers[0]).toEqual({ diffID: base?.diffID, size, entries: 1, names: ['a', 'b'] });
    expect(layers).toContainEqual({
      diffID: app?.diffID,
      size: app?.tar.length,
      entries: 1,
      names: ['a'],
    });
    await store.close();
  });

  test('finds equal files in all layers when asked to', async () => {
    const store = await openStore(dir());
    const large = 'L'.repeat(3000);
    const layers = [
      [file('x', large), file('y', large), file('empty', ''), hardlink('z', 'x')],
      [file('x', large), file('small', 's'), file('empty', '')],
      [file('again', 's'), file('alone', 'alone')],
    ];
    const image = buildImage({ layers });
    await add(store, 'a', image);
    const { duplicates } = await store.usage({ duplicates: true });
    const [first, second, third] = image.layers.map(({ diffID }) => diffID);
    const inOrder = (places: readonly { diffID: string | undefined; path: string }[]) =>
      [...places].sort((a, b) => ((a.diffID ?? '') < (b.diffID ?? '') ? -1 : 1));
    expect(duplicates).toEqual({
      files: 3,
      size: 6001,
      largest: [
        {
          digest: digestOf(Buffer.from(large)),
          size: 3000,
          count: 3,
          places: inOrder([
            { diffID: first, path: 'x' },
            { diffID: first, path: 'y' },
            { diffID: second, path: 'x' },
          ]),
        },
        {
          digest: digestOf(Buffer.from('s')),
          size: 1,
          count: 2,
          places: inOrder([
            { diffID: second, path: 'small' },
            { diffID: third, path: 'again' },
          ]),
        },
      ],
    });
    await store.close();
  });

  test('tells the twenty largest of many equal files, and twenty places of each', async () => {
    const store = await openStore(dir());
    const files = Array.from({ length: 30 }, (_, size) =>
      Array.from({ length: 25 }, (_, copy) => file(`${size}/${copy}`, 'x'.repeat(size))),
    );
    await add(store, 'a', buildImage({ layers: [files.flat()] }));
    const { duplicates } = await store.usage({ duplicates: true });
    expect(duplicates).toMatchObject({ files: 29 * 24, size: (24 * 29 * 30) / 2 });
    expect(duplicates?.largest.map(({ size }) => size)).toEqual(
      Array.from({ length: 20 }, (_, at) => 29 - at),
    );
    for (const { count, places } of duplicates?.largest ?? []) {
      expect([count, places.length]).toEqual([25, 20]);
    }
    await store.close();
  });

  test('agrees with gc, and writes nothing, when the store may only be read', async () => {
    const { names } = makeSyntheticStore(dir(), 400, 10);
    const listing = () => execFileSync('ls', ['-lR', '--time-style=full-iso', dir()]).toString();
    const before = listing();
    const store = await openStore(dir(), { readOnly: true });
    const usage = await store.usage({ layers: true, duplicates: true });
    expect(usage.names.map(({ name }) => name)).toEqual(names);
    expect(usage.damaged).toEqual([]);
    expect(usage.unreachable).toBeGreaterThan(0);
    expect(listing()).toBe(before);
    const { freed } = await (await openStore(dir())).gc({ dryRun: true });
    expect(usage.unreachable).toBe(freed);
  });

  test.skipIf(process.getuid?.() === 0)(
    'fails as STORE_UNUSABLE when it may not look',
    async () => {
      const store = await openStore(dir());
      await store.blobs.put(Buffer.from('x'));
      chmodSync(layout().blobs, 0);
      await expect(store.usage()).rejects.toMatchObject({ code: 'STORE_UNUSABLE' });
      chmodSync(layout().blobs, 0o755);
    },
  );

  test('fails as STORE_CORRUPT when index.json is damaged, and stops when it is aborted', async () => {
    const store = await openStore(dir());
    await add(store, 'a', one);
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(store.usage({ signal })).rejects.toThrow('enough');
    truncateSync(layout().index, 10);
    await expect(store.usage()).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
    await store.close();
  });

  test('works in memory', async () => {
    const store = await openStore(dir(), { files: createMemoryFiles() });
    await add(store, 'a', one);
    const { names, unreachable } = await store.usage({ duplicates: true });
    expect(names).toMatchObject([{ name: 'a', blobs: 4, layers: 2 }]);
    expect(unreachable).toBe(0);
    await store.close();
  });
});

describe('readLayerSummary', () => {
  test('gives the head of an index, however long the index is', async () => {
    const diffID = parseDiffID(digestOf(Buffer.from('layer')));
    const { folder, index } = layout().layer(diffID);
    mkdirSync(folder, { recursive: true });
    const entries = [{ kind: 'whiteout', path: 'x'.repeat(2000) }] as const;
    writeFileSync(index, layerIndexText({ diffID, size: Number.MAX_SAFE_INTEGER, entries }));
    expect(readLayerSummary(nodeFiles, layout(), diffID)).toMatchObject({
      size: Number.MAX_SAFE_INTEGER,
      count: 1,
    });
  });
});

describe('createDigestCounts', () => {
  test('counts every digest, however many there are', () => {
    const counts = createDigestCounts();
    const digests = Array.from({ length: 20_000 }, (_, at) => digestOf(Buffer.from(`${at}`)));
    const wanted = new Map<string, number>();
    for (const [at, digest] of digests.entries()) {
      const times = (at % 3) + 1;
      for (let time = 0; time < times; time += 1) counts.add(digest, at);
      if (times > 1) wanted.set(`${prefixOf(digest)} ${at}`, times);
    }
    const found = [...counts.repeated()].map(
      ({ prefix, size, count }) => [`${prefix} ${size}`, count] as const,
    );
    expect(new Map(found)).toEqual(wanted);
  });
});
