import {
  chmod,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDiskCache } from '../../../src/disk/disk-cache.ts';
import { writeDisk } from '../../../src/disk/output.ts';
import { planDisk } from '../../../src/disk/plan.ts';
import { planRofs } from '../../../src/rofs/plan.ts';
import { openContents } from '../../../src/tree/contents.ts';
import { editTree } from '../../../src/tree/edit.ts';

import { directory, fileOfBytes } from '../../../src/tree/nodes.ts';

const [one, two, three] = ['1', '2', '3'].map((digit) => digit.repeat(64)) as [
  string,
  string,
  string,
];

let folder: string;

beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'osv-convert-disks-')), 'disks');
});

afterEach(() => rm(join(folder, '..'), { recursive: true, force: true }));

/** A cache with a disk of each key, in which a file of 8 KiB lies. */
async function cacheOf(...keys: readonly string[]) {
  const cache = await openDiskCache(folder);
  for (const key of keys) {
    const node = fileOfBytes(Buffer.alloc(8192, 'x'));
    const tree = editTree({ root: directory() }, [{ op: 'set', path: '/file', node }]);
    const plan = planDisk({ rofs: planRofs(tree) });
    await writeDisk(plan, cache.pathOf(key), { format: 'raw', contents: openContents(new Map()) });
    await writeFile(`${cache.pathOf(key)}.json`, `{"key":"${key}"}`);
    await cache.seal(key);
  }
  return cache;
}

/** As if it had last been used so many hours ago. */
async function age(key: string, hours: number): Promise<void> {
  const then = new Date(Date.now() - hours * 3_600_000);
  for (const end of ['.raw', '.raw.json', '.seal'])
    await utimes(join(folder, key + end), then, then);
}

describe('openDiskCache', () => {
  it('finds a disk that was sealed, and no other', async () => {
    const cache = await cacheOf(one);
    expect(cache.find(one)).toBe(join(folder, `${one}.raw`));
    expect(cache.find(two)).toBeUndefined();
    await rm(join(folder, `${one}.seal`));
    expect(cache.find(one)).toBeUndefined();
  });

  it.each([
    ['a byte of the boot sector', '.raw', (bytes: Buffer) => bytes.fill(1, 0, 1)],
    ['the superblock', '.raw', (bytes: Buffer) => bytes.fill(0, 512, 520)],
    [
      'a superblock that leads out of the disk',
      '.raw',
      (bytes: Buffer) => bytes.fill(255, 536, 544),
    ],
    ['the last table', '.raw', (bytes: Buffer) => bytes.fill(1, bytes.length - 1)],
    ['its end', '.raw', (bytes: Buffer) => bytes.subarray(0, -512)],
    ['all of it', '.raw', () => Buffer.alloc(0)],
    ['the report', '.raw.json', () => Buffer.from('{}')],
    ['the seal', '.seal', () => Buffer.from('{')],
  ])('does not find a disk when %s was changed', async (_, end, change) => {
    const cache = await cacheOf(one);
    const path = join(folder, one + end);
    await writeFile(path, change(await readFile(path)));
    expect(cache.find(one)).toBeUndefined();
  });

  it('removes what was not used for longest when there is too much', async () => {
    const cache = await cacheOf(one, two, three);
    for (const [hours, key] of [one, two, three].entries()) await age(key, 5 - hours);
    const size = cache.list()[0]?.size ?? 0;
    expect(cache.find(one)).toBeDefined();
    expect(cache.list().map(({ key }) => key)).toEqual([one, three, two]);
    expect(cache.shrink(2 * size)).toEqual({ disks: 1, bytes: size });
    expect((await readdir(folder)).sort()).toEqual(
      [one, three].flatMap((key) => [`${key}.raw`, `${key}.raw.json`, `${key}.seal`]),
    );
  });

  it('spares what a machine may be about to open, unless it is told not to', async () => {
    const cache = await cacheOf(one, two);
    expect(cache.shrink(0).disks).toBe(0);
    expect(cache.shrink(0, 0).disks).toBe(2);
    expect(await readdir(folder)).toEqual([]);
  });

  it('removes what a killed process left half-written, and leaves what is being written', async () => {
    const cache = await cacheOf();
    for (const name of ['.osv-convert-1-0.part', '.osv-convert-2-0.part']) {
      await writeFile(join(folder, name), 'half');
    }
    const before = new Date(Date.now() - 2 * 3_600_000);
    await utimes(join(folder, '.osv-convert-1-0.part'), before, before);
    cache.shrink(1 << 30);
    expect(await readdir(folder)).toEqual(['.osv-convert-2-0.part']);
  });

  it('forgets all disks, and closes the folder, where others could write to it', async () => {
    const before = await cacheOf(one, two);
    const theirs = join(folder, '..', 'theirs');
    await symlink(theirs, before.pathOf(three));
    await chmod(folder, 0o770);
    const cache = await openDiskCache(folder);
    expect((await stat(folder)).mode & 0o7777).toBe(0o700);
    expect([cache.find(one), cache.list(), await readdir(folder)]).toEqual([undefined, [], []]);
    await cacheOf(three);
    expect((await openDiskCache(folder)).find(three)).toBe(cache.pathOf(three));
    expect(await readdir(join(folder, '..'))).toEqual(['disks']);
  });

  it('refuses a folder that cannot be made', async () => {
    await writeFile(join(folder, '..', 'file'), '');
    await expect(openDiskCache(join(folder, '..', 'file', 'disks'))).rejects.toMatchObject({
      code: 'OUTPUT_UNUSABLE',
    });
  });
});
