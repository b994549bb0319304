import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { check } from '../../src/check.ts';
import { type ConvertOptions, convert } from '../../src/convert.ts';
import type { OnEvent } from '../../src/event.ts';
import { addKernel } from '../../src/osv/kernels.ts';
import { openStore, type Store } from '../../store/index.ts';
import { helloImage } from '../support/hello-image.ts';
import { writeLayout } from '../support/layout.ts';
import { fakeArmLoader, fakeKernelElf, packedLoader } from './osv/fake-kernel.ts';

let folder = '';
let store: Store;
let told: string[] = [];

beforeEach(async () => {
  told = [];
  folder = await mkdtemp(join(tmpdir(), 'osv-convert-choice-'));
  store = await openStore(join(folder, 'store'));
  await writeLayout(join(folder, 'image'), 'v1', await helloImage());
});

afterEach(() => rm(folder, { recursive: true, force: true }));

const add = async (name: string, bytes: Uint8Array, setDefault = false): Promise<void> => {
  await addKernel(store, [{ name, bytes }], { name, setDefault });
};

const onEvent: OnEvent = (event) => {
  if (event.event === 'stage') told.push(event.text);
};

async function kernelOf(options: Partial<ConvertOptions> = {}): Promise<string | undefined> {
  const output = join(folder, 'disk.raw');
  const image = `oci:${join(folder, 'image')}:v1`;
  const report = await convert(store, image, output, {
    ...{ boot: 'bios', format: 'raw', runtime: 'auto', hostEnv: {} },
    ...options,
    onEvent,
  });
  return report.kernel?.name;
}

/** Less than the app has. */
const small = packedLoader(fakeKernelElf({ limits: [8] }));
const roomy = packedLoader(fakeKernelElf({ limits: [1064] }));

describe('the kernel of a disk that names none', () => {
  it('is the only one, whatever it lacks', async () => {
    await add('small', small);
    expect(await kernelOf()).toBe('small');
    expect(told).toEqual([]);
  });

  it('is the default when that has all the app needs', async () => {
    await add('roomy', roomy);
    await add('wanted', packedLoader(fakeKernelElf({ limits: [552] })), true);
    expect(await kernelOf()).toBe('wanted');
    expect(told).toEqual([]);
  });

  it('is another when the default has too little room for thread-local data, unless it is named', async () => {
    await add('roomy', roomy);
    await add('small', small, true);
    expect(await kernelOf()).toBe('roomy');
    expect(told).toEqual([
      expect.stringMatching(
        /^kernel roomy is used, for the default small: 8 of \d+ bytes for thread-local data$/,
      ),
    ]);
    expect(await kernelOf({ kernel: 'small' })).toBe('small');
    const image = `oci:${join(folder, 'image')}:v1`;
    const checked = await check(store, image, { runtime: 'auto', hostEnv: {} });
    expect(checked.kernel?.name).toBe('roomy');
  });

  it('is one that boots from a disk, or none', async () => {
    await add('elf', fakeKernelElf(), true);
    await add('arm', fakeArmLoader());
    await expect(kernelOf()).rejects.toMatchObject({
      code: 'KERNEL_UNSUITABLE',
      message: expect.stringContaining('found elf (no loader.img'),
    });
    expect(await kernelOf({ boot: 'direct' })).toBe('elf');
    await add('roomy', roomy);
    expect(await kernelOf()).toBe('roomy');
  });

  it('is missing from an empty store before anything is pulled', async () => {
    await rm(join(folder, 'image'), { recursive: true });
    await expect(kernelOf()).rejects.toMatchObject({ code: 'KERNEL_NOT_FOUND' });
  });
});
