import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ConvertOptions, convert } from '../../src/convert.ts';
import { addKernel } from '../../src/osv/kernels.ts';
import type { Report } from '../../src/report.ts';
import { openStore, type Store } from '../../store/index.ts';
import { helloImage } from '../support/hello-image.ts';
import { writeLayout } from '../support/layout.ts';
import { fakeKernelElf, packedLoader } from './osv/fake-kernel.ts';

let folder = '';
let store: Store;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'osv-convert-mountable-'));
  store = await openStore(join(folder, 'store'));
  await writeLayout(join(folder, 'image'), 'v1', await helloImage());
  await writeFile(join(folder, 'libext.so'), 'the library');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const kernelWith = (...names: readonly string[]): Buffer =>
  packedLoader(
    fakeKernelElf({
      limits: [1064],
      symbols: ['malloc', 'membarrier', ...names].map((name) => ({ name, defined: true })),
    }),
  );

async function build(options: Partial<ConvertOptions>): Promise<Report> {
  return await convert(store, `oci:${join(folder, 'image')}:v1`, join(folder, 'disk.raw'), {
    ...{ boot: 'bios', format: 'raw', runtime: 'auto', hostEnv: {}, force: true },
    ...options,
  });
}

const add = (): Pick<ConvertOptions, 'add'> => ({
  add: [
    {
      source: join(folder, 'libext.so'),
      target: { path: '/usr/lib/fs', isFolder: true },
    },
  ],
});
const volume = { volumes: [{ path: '/app/data', size: 64 << 20 }] };

describe('a disk with a volume', () => {
  it('names what a machine has to bring, in its report and its command line', async () => {
    const bytes = kernelWith('ext_vfsops');
    await addKernel(store, [{ name: 'loader.img', bytes }], { name: 'ext' });
    const report = await build({ ...volume, ...add() });
    expect(report.volumes).toEqual([{ path: '/app/data', device: '/dev/vblk1', size: 64 << 20 }]);
    expect(report.shares).toEqual([]);
    expect(report.commandLine).toContain(' --mount-fs=ext,/dev/vblk1,/app/data ');
    expect(report.files.map(({ path }) => path)).toContain('/usr/lib/fs/libext.so');
  });

  it('is built with the kernel that mounts ext4, among several', async () => {
    const ext = kernelWith('ext_vfsops');
    await addKernel(store, [{ name: 'k', bytes: kernelWith() }], { name: 'a', setDefault: true });
    await addKernel(store, [{ name: 'k', bytes: ext }], { name: 'b' });
    expect((await build({ ...volume, ...add() })).kernel?.name).toBe('b');
    expect((await build({})).kernel?.name).toBe('a');
  });

  it.each([
    ['a volume', volume, 'wanted one that exports ext_vfsops', '--tmpfs /app/data'],
    ['a share', { shares: ['/conf'] }, 'wanted one with virtiofs', '--add FOLDER:/conf'],
  ])('is refused for %s that the kernel cannot mount', async (_, wish, problem, instead) => {
    const bytes = kernelWith();
    await addKernel(store, [{ name: 'loader.img', bytes }], { name: 'plain' });
    await expect(build({ ...wish, ...add(), kernel: 'plain' })).rejects.toMatchObject({
      code: 'KERNEL_UNSUITABLE',
      message: expect.stringContaining(problem),
      hint: expect.stringContaining(instead),
    });
  });

  it('is refused without the library, which is no part of the kernel', async () => {
    const bytes = kernelWith('ext_vfsops');
    await addKernel(store, [{ name: 'loader.img', bytes }], { name: 'ext' });
    await expect(build(volume)).rejects.toMatchObject({
      code: 'LIBRARY_NOT_FOUND',
      hint: expect.stringContaining('--add libext.so:/usr/lib/fs/'),
    });
  });
});
