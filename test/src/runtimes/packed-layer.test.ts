import { renameSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Files } from '../../../src/dotnet/files.ts';
import { hostFiles } from '../../../src/dotnet/host-files.ts';
import { packOnce } from '../../../src/runtimes/packed-layer.ts';
import { createMemoryFiles, openMemoryStore, openStore } from '../../../store/index.ts';

/** A plan of one file of the host, in a folder to be removed. */
async function oneHostFile() {
  const folder = await mkdtemp(join(tmpdir(), 'osv-convert-packed-'));
  const source = join(folder, 'libhost.so');
  await writeFile(source, 'of the host');
  const entry = {
    kind: 'file',
    path: 'lib',
    source,
    files: hostFiles,
    size: 11,
    mode: 0o644,
  } as const;
  return { folder, plan: { entries: [entry], size: 11, key: 'a-key' } };
}

test('packOnce takes what another store has packed, without a look at the host', async () => {
  const { folder, plan } = await oneHostFile();
  const store = await openMemoryStore();
  const diffID = await packOnce(store, plan, {});
  await rm(folder, { recursive: true });

  const other = await openMemoryStore();
  await other.import(store.export({ names: ['runtime/*'] }));
  expect(await other.layers.has(diffID)).toBe(false);
  expect(await packOnce(other, plan, {})).toBe(diffID);
  const layer = await other.layers.open(diffID);
  expect(layer.index.entries.map(({ path }) => path)).toEqual(['lib']);
  layer.close();
});

test('packOnce makes one layer and one name when two builds pack at once', async () => {
  const { folder, plan } = await oneHostFile();
  const files = createMemoryFiles();
  const stores = [await openStore('/store', { files }), await openStore('/store', { files })];
  const packed = await Promise.all(stores.map((store) => packOnce(store, plan, {})));
  expect(packed[0]).toBe(packed[1]);
  const [store] = stores;
  const usage = await store?.usage({ layers: true });
  expect(usage?.layers?.map(({ diffID }) => diffID)).toEqual([packed[0]]);
  expect(usage?.names.map(({ name }) => name)).toEqual(['runtime/a-key']);
  await rm(folder, { recursive: true });
});

/** The host's files, as a file system tells of them whose clock ticks each 10 ms. */
const ticking: Files = {
  ...hostFiles,
  find(path) {
    const found = hostFiles.find(path);
    return found && { ...found, changed: Math.floor((found.changed ?? 0) / 10) * 10 };
  },
};

test('packOnce keeps nothing when a file is changed while others are packed', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'osv-convert-packed-'));
  const [first, second] = [join(folder, 'a.so'), join(folder, 'b.so')];
  await writeFile(first, 'old');
  await writeFile(second, 'old');
  const entryOf = (path: string, source: string) =>
    ({
      kind: 'file',
      path,
      source,
      files: ticking,
      size: 3,
      mode: 0o644,
      changed: ticking.find(source)?.changed ?? 0,
    }) as const;
  // When the second file is read, an update puts a new one of the same size in the place of the first.
  const updating: Files = {
    ...ticking,
    read(path, use) {
      writeFileSync(`${first}.new`, 'new');
      renameSync(`${first}.new`, first);
      return ticking.read(path, use);
    },
  };
  const entries = [entryOf('a', first), { ...entryOf('b', second), files: updating }];
  const store = await openMemoryStore();
  await expect(packOnce(store, { entries, size: 6, key: 'a-key' }, {})).rejects.toMatchObject({
    code: 'RUNTIME_NOT_FOUND',
    message: `packing the runtime: ${first} was changed while it was packed`,
  });
  expect(await store.refs.list()).toEqual([]);
  expect((await store.usage({ layers: true })).layers).toEqual([]);
  await rm(folder, { recursive: true });
});
