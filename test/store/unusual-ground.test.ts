import { lstatSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nodeFiles } from '../../store/files/node.ts';
import { openStore } from '../../store/index.ts';
import { runCli } from '../support/cli.ts';
import { buildImage } from '../support/image.ts';
import { file } from '../support/layers.ts';
import { writeLayout } from '../support/layout.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ground-test-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test.each(['EPERM', 'ENOSYS', 'EOPNOTSUPP'])(
  'a write names the file system when it answers %s to symbolic links',
  async (code) => {
    const symlink = () => {
      throw Object.assign(new Error(code), { code, syscall: 'symlink' });
    };
    const store = await openStore(join(folder, 'store'), { files: { ...nodeFiles, symlink } });
    await expect(store.blobs.put(Buffer.from('hello'))).rejects.toMatchObject({
      code: 'STORE_UNUSABLE',
      message: expect.stringContaining('wanted a file system that has them'),
    });
  },
);

test('a write names the limit when no file may grow so large', async () => {
  const failing = () => {
    throw Object.assign(new Error('EFBIG'), { code: 'EFBIG', syscall: 'write' });
  };
  const create = (path: string) => ({ ...nodeFiles.create(path), write: failing });
  const store = await openStore(join(folder, 'store'), { files: { ...nodeFiles, create } });
  await expect(store.blobs.put(Buffer.from('hello'))).rejects.toMatchObject({
    code: 'STORE_FULL',
    message: expect.stringContaining('no file may grow so large (EFBIG)'),
    hint: expect.stringContaining('ulimit -f unlimited'),
  });
});

test.each([
  ['0000', 0o775],
  ['0077', 0o700],
])('folders of a store are not for everyone to write when the umask is %s', async (mask, mode) => {
  const [layout, store] = [join(folder, 'layout'), join(folder, 'store')];
  await writeLayout(layout, 'hello:1', buildImage({ layers: [[file('hello', 'world')]] }));
  const through = ['sh', '-c', 'umask "$0" && exec "$@"', mask];
  const pulled = await runCli(['pull', `oci:${layout}`, '--store', store], { through });
  expect(pulled).toMatchObject({ code: 0 });
  for (const name of ['', 'blobs/sha256', 'layers/v2', 'leases', 'ingest']) {
    expect(lstatSync(join(store, name)).mode & 0o777).toBe(mode);
  }
});
