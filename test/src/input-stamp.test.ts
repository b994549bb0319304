import { statSync } from 'node:fs';
import { mkdir, mkdtemp, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stampAt } from '../../src/disk/file-stamp.ts';
import { contentStamp, folderStamps, inputStamp } from '../../src/input-stamp.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'osv-convert-stamps-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

describe('inputStamp', () => {
  it('tells a file by its content when it changed lately, for its times may not', async () => {
    const path = join(folder, 'file');
    await writeFile(path, 'one');
    expect(inputStamp(path)).toBe(contentStamp(path));
    await writeFile(path, 'two');
    expect(inputStamp(path)).toBe(contentStamp(path));
  });

  it('tells a file by its content when it is of a time to come', async () => {
    const path = join(folder, 'file');
    await writeFile(path, 'one');
    const later = new Date(Date.now() + 3_600_000);
    await utimes(path, later, later);
    expect(inputStamp(path)).toBe(contentStamp(path));
  });

  it('reads no file that changed long ago', () => {
    const { dev, ino, size, mtimeMs, ctimeMs } = statSync(process.execPath);
    expect(inputStamp(process.execPath)).toBe([dev, ino, size, mtimeMs, ctimeMs].join(':'));
  });

  it('is undefined when there is no file', () => {
    expect(inputStamp(join(folder, 'none'))).toBeUndefined();
    expect(inputStamp(folder)).toBeUndefined();
  });
});

describe('folderStamps', () => {
  it('goes as deep as it is told, through links too', async () => {
    await mkdir(join(folder, 'real/deep'), { recursive: true });
    await writeFile(join(folder, 'real/file'), '');
    await writeFile(join(folder, 'real/deep/file'), '');
    await mkdir(join(folder, 'top'));
    await symlink('../real', join(folder, 'top/link'));
    const paths = (depth: number) =>
      folderStamps(join(folder, 'top'), depth)?.map((line) => line.split(' ')[0]);
    expect(paths(0)).toEqual([]);
    expect(paths(1)).toEqual([join(folder, 'top/link/file')]);
    expect(paths(2)).toEqual(['deep/file', 'file'].map((end) => join(folder, 'top/link', end)));
  });

  it('ends when links lead in circles, and gives nothing when there is too much', async () => {
    await mkdir(join(folder, 'circle'));
    for (const name of ['a', 'b', 'c']) await symlink('.', join(folder, 'circle', name));
    expect(folderStamps(join(folder, 'circle'), 3)).toEqual([]);
    expect(folderStamps(join(folder, 'circle'), 16)).toBeUndefined();
  });
});

describe('stampAt', () => {
  it('differs when bytes were replaced and size and time of writing are the same', async () => {
    const path = join(folder, 'file');
    const then = new Date('2020-01-01T00:00:00Z');
    await writeFile(path, 'one');
    await utimes(path, then, then);
    const before = stampAt(path);
    do {
      await writeFile(path, 'two');
      await utimes(path, then, then);
      // The clock of the file system has its ticks.
    } while (stampAt(path) === before);
    const { size, mtime } = await stat(path);
    expect([size, mtime]).toEqual([3, then]);
    expect(stampAt(path)).not.toBe(before);
  });
});
