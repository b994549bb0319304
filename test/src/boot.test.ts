import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type BootOptions, planMachine } from '../../src/boot.ts';
import { addKernel, findKernel } from '../../src/osv/kernels.ts';
import { openStore, type Store } from '../../store/index.ts';
import { fakeKernelElf, fakeLoader } from './osv/fake-kernel.ts';

let folder: string;
let store: Store;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'osv-convert-boot-'));
  store = await openStore(join(folder, 'store'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

const options: BootOptions = {
  memory: 512,
  cpus: 1,
  accelerator: 'tcg',
  forwards: [],
  env: new Map(),
};

/** A disk with a loader and the report of its kernel. */
async function writeDisk(name: string, kernel: object): Promise<string> {
  const path = join(folder, name);
  const disk = fakeLoader();
  disk.write('--rootfs=rofs /app/hello !', 512);
  await writeFile(path, disk);
  await writeFile(`${path}.json`, JSON.stringify({ disk: { boot: 'bios' }, kernel }));
  return path;
}

describe('planMachine', () => {
  it('boots a disk whose kernel has no ELF from the disk, not with the ELF of another kernel', async () => {
    await addKernel(store, [{ name: 'loader-stripped.elf', bytes: fakeKernelElf() }], {
      name: 'another',
      setDefault: true,
    });
    const disk = await writeDisk('web.raw', { name: 'its-own' });
    expect(await planMachine(store, disk, options)).toMatchObject({ boot: { kind: 'bios' } });
    const asked = await planMachine(store, disk, { ...options, kernel: 'another' });
    expect(asked.boot.kind).toBe('direct');
  });

  it("boots directly with the disk's own ELF where the store has it", async () => {
    await addKernel(store, [{ name: 'loader-stripped.elf', bytes: fakeKernelElf() }], {
      name: 'its-own',
    });
    const { elf } = await findKernel(store, 'its-own');
    const disk = await writeDisk('web.raw', { elf: elf?.digest });
    expect(await planMachine(store, disk, options)).toMatchObject({
      boot: { kind: 'direct', commandLine: '--rootfs=rofs /app/hello !' },
    });
  });

  it('names the disk by its absolute path, when the name begins like a protocol of QEMU', async () => {
    const path = await writeDisk('nbd:web.raw', {});
    const { disk } = await planMachine(store, relative(process.cwd(), path), options);
    expect(disk.path).toBe(resolve(path));
  });
});
