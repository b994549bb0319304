import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type BuildRecord, type BuildRecords, openBuildRecords } from '../../src/build-records.ts';

let folder: string;

beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'osv-convert-records-')), 'builds');
});

afterEach(() => rm(join(folder, '..'), { recursive: true, force: true }));

async function open(limit?: number): Promise<BuildRecords> {
  const records = await openBuildRecords(folder, limit);
  if (records === undefined) throw new Error('no records in a folder that can be written');
  return records;
}

const record: BuildRecord = {
  warnings: ['beware'],
  outputs: [{ path: '/web.raw', stamps: { '': '1:2:3:4:5', '.json': '1:3:3:4:5' } }],
};

describe('openBuildRecords', () => {
  it('finds what was kept by its key, in another process too', async () => {
    const key = (await open()).keyOf('inputs');
    await (await open()).keep(key, record);
    expect((await open()).find(key)).toEqual(record);
    expect((await open()).find((await open()).keyOf('other inputs'))).toBeUndefined();
    expect((await open()).list()).toEqual([{ ...record, key, used: expect.any(Number) }]);
  });

  it('gives keys that tell nothing to who has not the secret of the folder', async () => {
    const inputs = 'PASSWORD=guessed';
    const key = (await open()).keyOf(inputs);
    expect(key).toMatch(/^[0-9a-f]{64}$/);
    expect((await stat(join(folder, 'secret'))).mode & 0o777).toBe(0o600);
    await rm(join(folder, 'secret'));
    expect((await open()).keyOf(inputs)).not.toBe(key);
  });

  it.each([
    ['cut', (text: string) => text.slice(0, -3)],
    ['empty', () => ''],
    ['changed', (text: string) => text.replace('web', 'wed')],
    ['no JSON', (text: string) => `${text.split('\n')[0]}\n{\n`],
    ['too large', (text: string) => text + ' '.repeat(1 << 20)],
  ])('does not find a record that is %s', async (_, damage) => {
    const records = await open();
    const key = records.keyOf('inputs');
    await records.keep(key, record);
    const path = join(folder, `${key}.record`);
    await writeFile(path, damage(await readFile(path, 'utf8')));
    expect(records.find(key)).toBeUndefined();
    expect(records.list()).toEqual([]);
    await records.keep(key, record);
    expect(records.find(key)).toEqual(record);
  });

  it('does not find a record under the key of another', async () => {
    const records = await open();
    const [one, other] = [records.keyOf('one'), records.keyOf('other')];
    await records.keep(one, record);
    await writeFile(join(folder, `${other}.record`), await readFile(join(folder, `${one}.record`)));
    expect(records.find(other)).toBeUndefined();
  });

  it('forgets all that a damaged secret sealed, and goes on with another', async () => {
    const key = (await open()).keyOf('inputs');
    await (await open()).keep(key, record);
    await writeFile(join(folder, 'secret'), 'short');
    expect((await open()).find(key)).toBeUndefined();
    expect((await stat(join(folder, 'secret'))).size).toBe(32);
  });

  it('keeps no more records than it may, those used last', async () => {
    const records = await open(2);
    const [one = '', two = '', three = ''] = ['1', '2', '3'].map(records.keyOf);
    for (const key of [one, two]) await records.keep(key, record);
    const hour = 3_600_000;
    await age(one, 2 * hour);
    await age(two, hour);
    expect(records.find(one)).toEqual(record);
    await records.keep(three, record);
    expect([one, two, three].map((key) => records.find(key) !== undefined)).toEqual([
      true,
      false,
      true,
    ]);
  });

  it('forgets all when it is cleared', async () => {
    const records = await open();
    await records.keep(records.keyOf('inputs'), record);
    expect(records.clear()).toBe(1);
    expect(await readdir(folder)).toEqual([]);
  });

  it('goes on without a record where none can be written', async () => {
    const records = await open();
    await rm(folder, { recursive: true });
    await records.keep(records.keyOf('inputs'), record);
    expect(records.find(records.keyOf('inputs'))).toBeUndefined();
    expect(await readdir(join(folder, '..'))).toEqual([]);
  });

  it('gives nothing where the folder cannot be used', async () => {
    await writeFile(join(folder, '..', 'file'), '');
    expect(await openBuildRecords(join(folder, '..', 'file', 'builds'))).toBeUndefined();
    await mkdir(join(folder, 'secret'), { recursive: true, mode: 0o700 });
    expect(await openBuildRecords(folder)).toBeUndefined();
  });

  it.each([0o750, 0o707, 0o1777])(
    'closes the folder and forgets the records where others could enter: mode %o',
    async (mode) => {
      const before = await open();
      await before.keep(before.keyOf('inputs'), record);
      await chmod(folder, mode);
      const records = await open();
      expect((await stat(folder)).mode & 0o7777).toBe(0o700);
      expect(records.list()).toEqual([]);
      expect(records.find(before.keyOf('inputs'))).toBeUndefined();
      await records.keep(records.keyOf('inputs'), record);
      expect((await open()).find(records.keyOf('inputs'))).toEqual(record);
    },
  );

  it.skipIf(process.getuid?.() !== 0)(
    'gives nothing where the folder is of another user',
    async () => {
      await open();
      await chown(folder, 65534, 65534);
      expect(await openBuildRecords(folder)).toBeUndefined();
    },
  );
});

async function age(key: string, by: number): Promise<void> {
  const then = new Date(Date.now() - by);
  await utimes(join(folder, `${key}.record`), then, then);
}
