import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConvertEvent } from '../../../src/event.ts';
import { history } from '../../../src/look/history.ts';
import { decodeName, openMemoryStore, type Store } from '../../../store/index.ts';
import { type BuiltImage, buildImage } from '../../support/image.ts';
import { file, type LayerItem, symlink, whiteout } from '../../support/layers.ts';
import { writeLayout } from '../../support/layout.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const folder = temporaryFolder('history');
let store: Store;

beforeAll(async () => {
  store = await openMemoryStore();
});

afterAll(async () => {
  await store.close();
});

const odd = `b${decodeName(Buffer.of(0xff))}`;
const given: readonly (readonly LayerItem[])[] = [
  [file('etc/a', '12345'), file(odd, '1'), symlink('l', 'etc')],
  [file('l/a', '1234567')],
  [whiteout('etc/a'), file('b', '')],
];

async function write(name: string, image: BuiltImage): Promise<string> {
  await writeLayout(join(folder, name), 'it', image);
  return `oci:${join(folder, name)}:it`;
}

const steps = [
  { created_by: 'ADD base' },
  { created_by: 'ENV a=b', empty_layer: true },
  { created_by: 'COPY a', empty_layer: null },
  { created_by: null, comment: 'unknown' },
];

describe('history', () => {
  it('tells of each layer what it takes, did and wastes, and what made it', async () => {
    const image = buildImage({ layers: given, history: steps });
    const told = await history(store, await write('whole', image), [], {});
    expect(told).toMatchObject({
      reference: 'localhost/whole:it',
      digest: image.root.digest,
      platform: 'linux/amd64',
      layers: [
        { layer: 1, added: 4, changed: 0, removed: 0, files: 2, bytes: 6, wasted: 5 },
        { layer: 2, added: 0, changed: 1, removed: 0, files: 1, bytes: 7, wasted: 7 },
        { layer: 3, added: 1, changed: 0, removed: 1, files: 1, bytes: 0, wasted: 0 },
      ],
      totals: { files: 4, bytes: 13, wasted: 12 },
      waste: [{ path: '/etc/a', bytes: 12 }],
      paths: [],
    });
    for (const [at, { tar, descriptor, diffID }] of image.layers.entries()) {
      expect(told.layers[at]).toMatchObject({
        ...{ diffID, digest: descriptor.digest, size: descriptor.size, unpacked: tar.length },
      });
    }
    expect(told.layers.map(({ createdBy }) => createdBy)).toEqual([
      'ADD base',
      'COPY a',
      undefined,
    ]);
  });

  it.each([
    ['fewer', steps.slice(0, 3), 2],
    ['more', [...steps, { created_by: 'one more' }], 4],
  ])(
    'leaves out what made the layers, and warns, when the config tells of %s',
    async (name, steps, count) => {
      const warnings: ConvertEvent[] = [];
      const onEvent = (event: ConvertEvent) =>
        void (event.event === 'warning' && warnings.push(event));
      const image = buildImage({ layers: given, history: steps });
      const told = await history(store, await write(name, image), [], { onEvent });
      expect(told.layers.some(({ createdBy }) => createdBy !== undefined)).toBe(false);
      expect(warnings).toMatchObject([
        { text: expect.stringContaining(`is that of ${count} layers, and it has 3`) },
      ]);
    },
  );

  it('says nothing of a config without a history', async () => {
    const warnings: ConvertEvent[] = [];
    const onEvent = (event: ConvertEvent) =>
      void (event.event === 'warning' && warnings.push(event));
    await history(store, await write('bare', buildImage({ layers: given })), [], { onEvent });
    expect(warnings).toEqual([]);
  });

  it('follows paths, also through links and as they are printed', async () => {
    const image = buildImage({ layers: given });
    const { paths } = await history(
      store,
      await write('paths', image),
      ['l/a', '/b\\xff', '/etc'],
      {},
    );
    expect(paths).toMatchObject([
      {
        path: 'l/a',
        events: [
          { layer: 1, event: 'added', path: '/etc/a', bytesOf: 1 },
          { layer: 2, event: 'changed', aspects: ['size', 'content'], bytesOf: 2 },
          { layer: 3, event: 'removed', path: '/etc/a' },
        ],
        wasted: 12,
      },
      { path: `/${odd}`, seen: { path: `/${odd}`, bytesOf: 1 }, wasted: 0 },
      { path: '/etc', seen: { path: '/etc' }, wasted: 12 },
    ]);
    expect(paths[0]).not.toHaveProperty('seen');
  });

  it('fails when no layer ever had the path', async () => {
    const reference = await write('none', buildImage({ layers: given }));
    await expect(history(store, reference, ['/etc/b'], {})).rejects.toMatchObject({
      code: 'PATH_NOT_FOUND',
      message: expect.stringContaining('no "b" in "/etc"'),
    });
  });

  it('refuses an empty path, before anything is pulled', async () => {
    await expect(history(store, 'oci:nowhere', [''], {})).rejects.toMatchObject({ code: 'USAGE' });
  });

  it('refuses what is no image', async () => {
    const disk = join(folder, 'web.raw');
    await writeFile(disk, '');
    for (const [subject, found] of [
      [disk, 'a file'],
      ['layer:0123', 'one layer'],
      [join(folder, 'none.raw'), 'no such file'],
    ] as const) {
      await expect(history(store, subject, [], {})).rejects.toMatchObject({
        code: 'USAGE',
        message: expect.stringContaining(`found ${found}, wanted`),
      });
    }
  });
});
