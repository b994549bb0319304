import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packOnce } from '../../src/packed-layer.ts';
import { openMemoryStore } from '../../store/index.ts';

test('packOnce takes what another store has packed, without a look at the host', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'osv-convert-packed-'));
  const source = join(folder, 'libhost.so');
  await writeFile(source, 'of the host');
  const entry = { kind: 'file', path: 'lib', source, size: 11, mode: 0o644 } as const;
  const plan = { entries: [entry], size: 11, key: 'a-key' };
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
