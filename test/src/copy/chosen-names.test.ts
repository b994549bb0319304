import { expect, test } from 'vitest';
import { chooseNames, withChosenNames } from '../../../src/copy/chosen-names.ts';
import { openMemoryStore, type Store } from '../../../store/index.ts';
import { buildImage } from '../../support/image.ts';
import { file } from '../../support/layers.ts';

const image = buildImage({ layers: [[file('a', 'A')]] });
const [web, job] = ['docker.io/acme/web:1', 'docker.io/acme/job:1'];

async function storeWithBoth(): Promise<Store> {
  const store = await openMemoryStore();
  for (const bytes of image.blobs.values()) await store.blobs.put(bytes);
  for (const name of [web, job]) await store.refs.set(name, image.root);
  return store;
}

/** Exports what was chosen; the first time, `lost` goes before. */
async function exported(store: Store, texts: readonly string[], lost: string) {
  const tries: (readonly string[])[] = [];
  await withChosenNames(store, texts, async (names) => {
    if (tries.length === 0) await store.refs.delete(lost);
    tries.push(names);
    for await (const _ of store.export({ names }));
  });
  return tries;
}

test('chooseNames gives full names, and fails with IMAGE_NOT_FOUND for what is none', async () => {
  const store = await storeWithBoth();
  expect(await chooseNames(store, ['acme/web:1'])).toEqual([web]);
  expect(await chooseNames(store, ['*'])).toEqual([job, web]);
  await expect(chooseNames(store, ['acme/web:1', 'other'])).rejects.toMatchObject({
    code: 'IMAGE_NOT_FOUND',
  });
});

test('withChosenNames goes on with those that are left when a name goes meanwhile', async () => {
  expect(await exported(await storeWithBoth(), ['*'], job)).toEqual([[job, web], [web]]);
});

test('withChosenNames fails with IMAGE_NOT_FOUND when the one that was named goes', async () => {
  const store = await storeWithBoth();
  await expect(exported(store, ['acme/job:1'], job)).rejects.toMatchObject({
    code: 'IMAGE_NOT_FOUND',
    message: expect.stringContaining('acme/job:1'),
  });
});

test('withChosenNames throws what the work throws when all names are there', async () => {
  const store = await storeWithBoth();
  await expect(
    withChosenNames(store, ['*'], async (names) => {
      for await (const _ of store.export({ names: [...names, 'nothing'] }));
    }),
  ).rejects.toMatchObject({ code: 'BLOB_MISSING' });
});
