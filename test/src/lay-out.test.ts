import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type LayOutParts, layOut } from '../../src/lay-out.ts';
import { type Kernel, kernelArchitectureOf } from '../../src/osv/kernel.ts';
import { addKernel } from '../../src/osv/kernels.ts';
import { planRofs } from '../../src/rofs/plan.ts';
import { directory, fileOfBytes } from '../../src/tree/nodes.ts';
import { openStore, type Store } from '../../store/index.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { fakeArmLoader, fakeKernelElf, fakeLoader } from './osv/fake-kernel.ts';

const folder = temporaryFolder('lay-out');
let store: Store;
let kernels: Readonly<Record<'x86' | 'arm' | 'elf', Kernel>>;

beforeAll(async () => {
  store = await openStore(join(folder, 'store'));
  const add = (name: string, bytes: Uint8Array) => addKernel(store, [{ name, bytes }], { name });
  kernels = {
    x86: await add('x86', fakeLoader()),
    arm: await add('arm', fakeArmLoader()),
    elf: await add('elf', fakeKernelElf()),
  };
});

const hello = fileOfBytes(Buffer.from('hello'));
const rofs = planRofs({ root: directory(new Map([['hello', hello]])) });

function partsWith(parts: Pick<LayOutParts, 'boot' | 'architecture' | 'kernel'>): LayOutParts {
  return { ...parts, rofs, guest: { commandLine: Buffer.from('--rootfs=rofs /hello') } };
}

describe('kernelArchitectureOf', () => {
  it.each([
    ['linux/amd64', 'x86_64'],
    ['linux/arm64', 'aarch64'],
    ['linux/arm64/v8', 'aarch64'],
  ])('runs an app for %s on %s', (platform, architecture) => {
    expect(kernelArchitectureOf(platform)).toBe(architecture);
  });
});

describe('layOut', () => {
  it('puts the kernel on a disk for x86_64', async () => {
    const parts = partsWith({ boot: 'bios', architecture: 'x86_64', kernel: kernels.x86 });
    const { disk, kernelImage } = await layOut(store, parts);
    expect(disk).toMatchObject({ boot: 'bios', partition: { offset: 2 << 20, size: rofs.size } });
    expect(kernelImage).toBeUndefined();
  });

  it('puts the kernel beside a disk for aarch64, with the command line in it', async () => {
    const parts = partsWith({ boot: 'bios', architecture: 'aarch64', kernel: kernels.arm });
    const { disk, kernelImage } = await layOut(store, parts);
    expect(disk).toMatchObject({ boot: 'direct', partition: { offset: 512, size: rofs.size } });
    expect(Buffer.from(kernelImage?.read(512, 21) ?? []).toString()).toBe('--rootfs=rofs /hello\0');
  });

  it('lays out the disk alone where the hypervisor has the kernel', async () => {
    for (const architecture of ['x86_64', 'aarch64'] as const) {
      const parts = partsWith({ boot: 'direct', architecture, kernel: undefined });
      const { disk, kernelImage } = await layOut(store, parts);
      expect(disk).toMatchObject({ boot: 'direct', size: 512 + rofs.size });
      expect(kernelImage).toBeUndefined();
    }
  });

  it.each([
    ['elf', 'x86_64', 'KERNEL_NOT_FOUND'],
    ['arm', 'x86_64', 'KERNEL_UNSUITABLE'],
    ['x86', 'aarch64', 'KERNEL_UNSUITABLE'],
  ] as const)('refuses the kernel %s for %s', async (name, architecture, code) => {
    const parts = partsWith({ boot: 'bios', architecture, kernel: kernels[name] });
    await expect(layOut(store, parts)).rejects.toMatchObject({ code });
  });
});
