import { randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { rolldown } from 'rolldown';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Digest, digestOf, type Store } from '../../store/index.ts';
import { buildLayer, file } from '../support/layers.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/*
 * Threads run compiled files only, so the store is compiled here, with the file that its threads run
 * beside it.
 */

const top = fileURLToPath(new URL('../..', import.meta.url));
const isPossible = availableParallelism() > 1;
if (!isPossible) console.log('skipped: no thread unpacks layers where there is a single core');

const compiled = temporaryFolder('compiled');
let openStore: typeof import('../../store/index.ts').openStore;
beforeAll(async () => {
  const bundle = await rolldown({
    cwd: top,
    input: { store: 'store/index.ts', 'unpack-worker': 'store/layers/unpack-worker.ts' },
    platform: 'node',
    external: [/^zstd-napi\//],
  });
  await bundle.write({ dir: compiled, format: 'esm', entryFileNames: '[name].js' });
  await bundle.close();
  writeFileSync(join(compiled, 'package.json'), '{"type":"module"}');
  ({ openStore } = await import(pathToFileURL(join(compiled, 'store.js')).href));
});

const path = process.env['PATH'];

let dir: string;
let store: Store;
let threads = 0;
const count = (): void => {
  threads += 1;
};
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'osv-convert-store-'));
  store = await openStore(dir);
  threads = 0;
  process.on('worker', count);
});
afterEach(async () => {
  process.off('worker', count);
  process.env['PATH'] = path;
  rmSync(`${dir}-bin`, { recursive: true, force: true });
  await store.close();
  rmSync(dir, { recursive: true, force: true });
});

const items = [file('large', randomBytes(9_000_000)), file('short', 'short'), file('none', '')];
const built = buildLayer(items, { compression: 'gzip' });
const claim = { digest: digestOf(built.blob), size: built.blob.length };

/** An igzip of that name, the first on the path, that does what `script` says. */
function fakeIgzip(script: string) {
  const folder = `${dir}-bin`;
  const log = join(folder, 'log');
  mkdirSync(folder);
  writeFileSync(log, '');
  writeFileSync(join(folder, 'igzip'), `#!/bin/sh\necho $$ >>${log}\n${script}\n`, { mode: 0o755 });
  process.env['PATH'] = `${folder}:${path}`;
  const pids = () =>
    readFileSync(log, 'utf8')
      .split('\n')
      .filter((line) => line !== '');
  return { pids, starts: () => pids().length };
}

/** What is being written: nothing, but for blobs that came in part. */
const drafts = (): readonly string[] =>
  readdirSync(join(dir, 'ingest')).filter((name) => name !== 'partial');

async function digestsIn({ layers }: Store): Promise<readonly (Digest | undefined)[]> {
  const layer = await layers.open(built.diffID);
  layer.close();
  return layer.index.entries.map((entry) => (entry.kind === 'file' ? entry.digest : undefined));
}

async function* sending(offset: number) {
  for (let at = offset; at < built.blob.length; at += 300_000) {
    await new Promise(setImmediate);
    yield built.blob.subarray(at, at + 300_000);
  }
}

describe.runIf(isPossible)('a thread of its own', () => {
  test.each(['gzip', 'zstd', 'none'] as const)(
    'Layers.ingest unpacks in one a large layer that is %s',
    async (compression) => {
      const { blob, diffID } = buildLayer(items, { compression });
      await store.layers.ingest(await store.blobs.put(blob), diffID);
      expect(threads).toBe(1);
      expect(await digestsIn(store)).toEqual(items.map(({ bytes }) => digestOf(bytes)));
      expect(await store.layers.heal(diffID)).toBe(true);
      expect(drafts()).toEqual([]);
    },
  );

  test('Layers.fetch unpacks in one what comes', async () => {
    await store.layers.fetch(claim, built.diffID, sending);
    expect(threads).toBe(1);
    expect(await digestsIn(store)).toEqual(items.map(({ bytes }) => digestOf(bytes)));
    expect(drafts()).toEqual([]);
  });

  test('Layers.ingest says why when unpacking fails in one', async () => {
    const cut = built.blob.subarray(0, -100_000);
    const blob = await store.blobs.put(cut);
    await expect(store.layers.ingest(blob, built.diffID)).rejects.toMatchObject({
      code: 'LAYER_CORRUPT',
      message: expect.stringContaining('unexpected end of file'),
    });
    expect(threads).toBe(1);
    expect(drafts()).toEqual([]);
  });

  test('Layers.fetch ends it and leaves nothing when it is aborted', async () => {
    const controller = new AbortController();
    const fetching = store.layers.fetch(
      claim,
      built.diffID,
      async function* (_, signal) {
        yield built.blob.subarray(0, 2 ** 22);
        while (threads === 0) await new Promise(setImmediate);
        controller.abort(new Error('enough'));
        while (!signal.aborted) await new Promise(setImmediate);
        throw signal.reason;
      },
      { signal: controller.signal },
    );
    await expect(fetching).rejects.toThrow('enough');
    expect(await store.layers.has(built.diffID)).toBe(false);
    expect(drafts()).toEqual([]);
  });

  test.each([
    ['the layer is small', 'gzip', 'auto', 1000],
    ['the layer is zstd', 'zstd', 'auto', 9_000_000],
    ['the store is to start no program', 'gzip', 'node', 9_000_000],
  ] as const)(
    'Layers.ingest does not start igzip when %s',
    async (_, compression, inflater, length) => {
      const igzip = fakeIgzip('exec gzip -dc');
      const other = await openStore(dir, { inflater });
      const layer = buildLayer([file('a', randomBytes(length))], { compression });
      await other.layers.ingest(await other.blobs.put(layer.blob), layer.diffID);
      expect(await other.layers.has(layer.diffID)).toBe(true);
      expect(igzip.starts()).toBe(0);
      await other.close();
    },
  );

  test('Layers.fetch has igzip inflate what comes', async () => {
    const igzip = fakeIgzip('exec gzip -dc');
    await store.layers.fetch(claim, built.diffID, sending);
    expect(igzip.starts()).toBe(1);
    expect(await digestsIn(store)).toEqual(items.map(({ bytes }) => digestOf(bytes)));
    expect(await store.layers.heal(built.diffID)).toBe(true);
    expect(drafts()).toEqual([]);
  });

  test.each([
    ['ends at once', 'exit 0'],
    ['fails at once', 'exit 1'],
    ['fails in the end', 'gzip -dc; exit 1'],
    ['gives other bytes', 'gzip -dc | tr a b'],
    ['takes all and gives nothing', 'cat >/dev/null'],
    ['gives too much', 'gzip -dc; exec cat /dev/zero'],
  ])(
    'Layers.fetch brings the layer in all the same, and asks igzip once, when it %s',
    async (_, does) => {
      const igzip = fakeIgzip(does);
      const limits = { layerSize: 10_000_000 };
      const other = await openStore(dir, { limits });
      await other.layers.fetch(claim, built.diffID, sending);
      expect(igzip.starts()).toBe(1);
      expect(await digestsIn(other)).toEqual(items.map(({ bytes }) => digestOf(bytes)));
      expect(drafts()).toEqual([]);
      await other.close();
    },
  );

  test('Layers.fetch leaves no igzip behind when it is aborted', async () => {
    const igzip = fakeIgzip('exec sleep 1000');
    const controller = new AbortController();
    const fetching = store.layers.fetch(
      claim,
      built.diffID,
      async function* (_, signal) {
        yield built.blob.subarray(0, 2 ** 22);
        while (igzip.starts() === 0) await new Promise(setImmediate);
        controller.abort(new Error('enough'));
        while (!signal.aborted) await new Promise(setImmediate);
        throw signal.reason;
      },
      { signal: controller.signal },
    );
    await expect(fetching).rejects.toThrow('enough');
    expect(igzip.pids().filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
    expect(drafts()).toEqual([]);
  });

  test('Layers.ingest starts none when the layer is small', async () => {
    const small = buildLayer([file('a', 'a')]);
    await store.layers.ingest(await store.blobs.put(small.blob), small.diffID);
    expect(threads).toBe(0);
  });
});
