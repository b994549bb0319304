import { existsSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { temporaryFolder, temporaryPath } from './temporary-folder.ts';

describe('temporaryFolder', () => {
  let inner = '';

  describe('while its tests run', () => {
    const folder = temporaryFolder('inner');
    inner = folder;
    let before: readonly string[] | undefined;
    beforeAll(async () => {
      before = await readdir(folder);
      writeFileSync(join(folder, 'file'), '');
    });
    afterAll(() => expect(existsSync(folder)).toBe(true));

    test('is empty when the first hook runs, and there until the last', () => {
      expect(before).toEqual([]);
      expect(existsSync(join(folder, 'file'))).toBe(true);
    });
  });

  test('is gone with all that is in it when its tests are over', () => {
    expect(existsSync(inner)).toBe(false);
  });
});

describe('temporaryPath', () => {
  const path = temporaryPath('path');
  const seen = new Set<string>();

  test.each([1, 2])('gives a path at which nothing is when another test had one: %i', (count) => {
    expect(existsSync(dirname(path()))).toBe(true);
    expect(existsSync(path())).toBe(false);
    writeFileSync(path(), '');
    expect(seen.add(path()).size).toBe(count);
  });
});
