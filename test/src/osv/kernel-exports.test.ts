import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readKernelExports } from '../../../src/osv/kernel-exports.ts';
import { addKernel } from '../../../src/osv/kernels.ts';
import { openStore, type Store } from '../../../store/index.ts';
import { fakeKernelElf, packedLoader } from './fake-kernel.ts';

let folder = '';
let store: Store;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'osv-convert-exports-'));
  store = await openStore(join(folder, 'store'));
});

afterEach(async () => {
  await store.close();
  await rm(folder, { recursive: true, force: true });
});

const symbols = [
  { name: 'malloc', defined: true },
  { name: 'borrowed', defined: false },
];

describe('readKernelExports', () => {
  it.each([
    ['an ELF', fakeKernelElf({ symbols })],
    ['the one in a loader.img', packedLoader(fakeKernelElf({ symbols }))],
  ])('reads from %s what is defined there', async (_, bytes) => {
    const kernel = await addKernel(store, [{ name: 'k', bytes }]);
    expect(await readKernelExports(store, kernel)).toEqual(new Set(['malloc']));
  });

  it('says nothing of a kernel that shows no functions', async () => {
    const none = await addKernel(store, [{ name: 'k', bytes: fakeKernelElf() }]);
    expect(await readKernelExports(store, none)).toBeUndefined();
    const { elf: _, ...formless } = none;
    expect(await readKernelExports(store, formless)).toBeUndefined();
  });
});
