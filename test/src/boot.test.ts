import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type BootOptions, planMachine } from '../../src/boot.ts';
import { addKernel, findKernel } from '../../src/osv/kernels.ts';
import { parseNetwork } from '../../src/run/parse-network.ts';
import { openStore, type Store } from '../../store/index.ts';
import { fakeArmLoader, fakeKernelElf, fakeLoader } from './osv/fake-kernel.ts';

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

  it('boots a disk for aarch64 with a loader.img for it only', async () => {
    const add = (name: string, bytes: Uint8Array) => addKernel(store, [{ name, bytes }], { name });
    await add('x86', fakeKernelElf());
    const { loader } = await add('arm', fakeArmLoader());
    const disk = join(folder, 'web.raw');
    await writeFile(disk, Buffer.alloc(1024));
    const report = {
      disk: { boot: 'direct' },
      commandLine: '/hello',
      kernel: { architecture: 'aarch64' },
    };
    await writeFile(`${disk}.json`, JSON.stringify(report));
    expect(await planMachine(store, disk, options)).toMatchObject({
      architecture: 'aarch64',
      boot: { kind: 'direct', kernel: expect.stringContaining(loader?.digest.slice(7) ?? '-') },
    });
    await expect(planMachine(store, disk, { ...options, kernel: 'x86' })).rejects.toMatchObject({
      code: 'KERNEL_UNSUITABLE',
      message: expect.stringContaining('found kernel x86 for x86_64, wanted one for aarch64'),
    });
  });

  it('names the disk by its absolute path, when the name begins like a protocol of QEMU', async () => {
    const path = await writeDisk('nbd:web.raw', {});
    const { disk } = await planMachine(store, relative(process.cwd(), path), options);
    expect(disk.path).toBe(resolve(path));
  });

  it("puts addresses and --verbose before the disk's own command line, in a direct boot", async () => {
    await addKernel(store, [{ name: 'loader-stripped.elf', bytes: fakeKernelElf() }], {
      name: 'its-own',
    });
    const { elf } = await findKernel(store, 'its-own');
    const disk = await writeDisk('web.raw', { elf: elf?.digest });
    const planned = await planMachine(store, disk, {
      ...options,
      verbose: true,
      networks: [parseNetwork('tap:t0,ip=192.0.2.2/24,gateway=192.0.2.1')],
      disks: [{ path: '/data', format: 'raw' }],
    });
    expect(planned).toMatchObject({
      architecture: 'x86_64',
      disks: [{ path: '/data', format: 'raw' }],
      networks: [{ kind: 'tap', device: 't0' }],
      boot: {
        kind: 'direct',
        commandLine:
          '--verbose --ip=eth0,192.0.2.2,255.255.255.0 --defaultgw=192.0.2.1 --rootfs=rofs /app/hello !',
      },
    });
  });

  it.each([
    [{ verbose: true }, '--verbose'],
    [{ networks: [parseNetwork('user,ip=192.0.2.2/24')] }, 'a static address'],
    [{ vmm: 'firecracker' }, '--vmm firecracker'],
  ] as const)(
    'names what only direct boot can do, when %j is asked of a disk alone',
    async (part, wish) => {
      const planned = planMachine(store, await writeDisk('web.raw', {}), { ...options, ...part });
      await expect(planned).rejects.toMatchObject({
        code: 'KERNEL_NOT_FOUND',
        message: expect.stringContaining(wish),
      });
    },
  );

  it.each([
    ['is missing', undefined, 'found no such file'],
    ['is a pipe', 'mkfifo', 'found no file'],
    ['is cut short', '{"disk": ', 'found no JSON'],
    ['is something else', '[]', 'at the top: found'],
  ])(
    'says in words of its own that the report %s when a variable is set',
    async (_what, text, found) => {
      const disk = await writeDisk('web.raw', {});
      await rm(`${disk}.json`);
      if (text === 'mkfifo') execFileSync('mkfifo', [`${disk}.json`]);
      else if (text !== undefined) await writeFile(`${disk}.json`, text);
      await addKernel(store, [{ name: 'loader-stripped.elf', bytes: fakeKernelElf() }], {
        setDefault: true,
      });
      const message = `setting variables of the guest: reading ${disk}.json: ${found}`;
      await expect(
        planMachine(store, disk, { ...options, env: new Map([['A', '1']]) }),
      ).rejects.toMatchObject({
        code: 'USAGE',
        message: expect.stringContaining(message),
      });
    },
  );
});
