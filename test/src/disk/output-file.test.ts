import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openOutputFile } from '../../../src/disk/output-file.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'osv-convert-test-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe('openOutputFile', () => {
  it.each([0o600, 0o666, 0o444])(
    'gives a copy the mode of a new file when its source has mode %o',
    async (mode) => {
      const source = join(folder, 'source');
      const copy = join(folder, 'copy');
      await writeFile(join(folder, 'new'), '');
      const bytes = Buffer.alloc((1 << 20) + 5, 'disk');
      await writeFile(source, bytes);
      await chmod(source, mode);
      const file = openOutputFile(copy);
      file.copy(source);
      await file.commit();
      expect((await stat(copy)).mode).toBe((await stat(join(folder, 'new'))).mode);
      expect(bytes.equals(await readFile(copy))).toBe(true);
    },
  );

  it('leaves nothing when what is to be copied is gone', async () => {
    const file = openOutputFile(join(folder, 'copy'));
    expect(() => file.copy(join(folder, 'gone'))).toThrow(
      expect.objectContaining({ code: 'OUTPUT_UNUSABLE' }),
    );
    file.discard();
    expect(await readdir(folder)).toEqual([]);
  });
});
