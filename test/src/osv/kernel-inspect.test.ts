import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inspectKernel, inspectKernelFile } from '../../../src/osv/kernel-inspect.ts';
import { addKernel } from '../../../src/osv/kernels.ts';
import { openStore } from '../../../store/index.ts';
import { findRealKernel } from '../../support/kernels.ts';
import { fakeArmLoader, fakeKernelElf, fakeLoader, packedLoader } from './fake-kernel.ts';

/** Strings of a kernel, each with the NULs that part them. */
function kernelWith(
  strings: readonly string[],
  symbols: readonly string[] = ['malloc', '_ZSt9terminatev', 'free'],
  record?: { readonly path: string; readonly size: number; readonly padding?: string },
): Buffer {
  const head = Buffer.alloc(17);
  head.writeBigUInt64LE(BigInt(record?.size ?? 0));
  head.writeBigUInt64LE(64n, 8);
  const name = Buffer.alloc(111, record?.padding);
  if (record) name.write(`${record.path}\0`);
  return fakeKernelElf({
    data: Buffer.concat([
      Buffer.from(`\0OSv v0.57.0-9\n\0${strings.map((one) => `${one}\0`).join('')}`),
      head,
      name,
      Buffer.alloc(4096),
    ]),
    symbols: symbols.map((one) => ({ name: one, defined: true })),
  });
}

function states(file: Uint8Array): Readonly<Record<string, string>> {
  const { capabilities } = inspectKernelFile('kernel', file);
  return Object.fromEntries(capabilities.map(({ name, state }) => [name, state]));
}

describe('inspectKernelFile', () => {
  it('tells facts, exports and supplied libraries of an ELF', () => {
    const strings = ['libc.so.6', 'libm.so.6x', 'libstdc++.so.6', 'GCC: (Debian 12) 12.2.0'];
    const told = inspectKernelFile('kernel', kernelWith(strings));
    expect(told).toMatchObject({
      architecture: 'x86_64',
      version: 'v0.57.0-9',
      symbols: 'exposed',
      abilities: {
        compiler: '(Debian 12) 12.2.0',
        exports: ['_ZSt9terminatev', 'free', 'malloc'],
        supplied: ['libc.so.6', 'libstdc++.so.6'],
      },
    });
    expect(told.abilities?.memory).toBeGreaterThan(0);
  });

  it('tells drivers by the names of their classes, and nothing of them without any', () => {
    const driver = states(kernelWith(['N2hw9hw_driverE', 'N6virtio3blkE', 'xN4nvme6driverE']));
    expect(driver).toMatchObject({ 'virtio-blk': 'yes', 'virtio-net': 'no', nvme: 'no' });
    expect(states(kernelWith([]))).toMatchObject({ 'virtio-blk': 'unknown', nvme: 'unknown' });
  });

  it('tells file systems by what only they print, and by the files in the kernel', () => {
    const found = ['[rofs] Error reading rofs superblock', 'procfs', '/usr/lib/fs/libext.so'];
    const wanted = {
      rofs: 'yes',
      procfs: 'yes',
      virtiofs: 'no',
      sysfs: 'no',
      ext: 'no',
      zfs: 'no',
    };
    expect(states(kernelWith(found))).toMatchObject(wanted);
    const path = '/usr/lib/fs/libext.so';
    expect(states(kernelWith([], [], { path, size: 1000 }))).toMatchObject({ ext: 'yes' });
    expect(states(kernelWith([], [], { path, size: 0 }))).toMatchObject({ ext: 'no' });
    expect(states(kernelWith([], [], { path, size: 1e9 }))).toMatchObject({ ext: 'no' });
    const text = { path, size: 1000, padding: 'x' };
    expect(states(kernelWith([], [], text))).toMatchObject({ ext: 'no' });
  });

  it('tells system calls by what is exported, and pthread_kill by its own complaint', () => {
    const stub = ['warning: %s() stubbed', 'pthread_kill'];
    const all = ['malloc', 'membarrier', 'pthread_kill', 'memfd_create'];
    const wanted = { membarrier: 'yes', pthread_kill: 'yes', memfd_create: 'yes' };
    expect(states(kernelWith([], all))).toMatchObject(wanted);
    expect(states(kernelWith(stub, all))).toMatchObject({ pthread_kill: 'no' });
    const lacking = { membarrier: 'no', pthread_kill: 'unknown', memfd_create: 'no' };
    expect(states(kernelWith([]))).toMatchObject(lacking);
    const traced = states(kernelWith(['trace_syscall_membarrier'], []));
    expect(traced).toMatchObject({ membarrier: 'yes', memfd_create: 'unknown' });
  });

  it('tells the same of a loader.img, and that it boots by BIOS', () => {
    const elf = kernelWith(['N2hw9hw_driverE', 'N6virtio3blkE']);
    expect(states(elf)).toMatchObject({ bios: 'no', pvh: 'yes', vmlinuz: 'no' });
    expect(states(packedLoader(elf))).toEqual({ ...states(elf), bios: 'yes' });
  });

  it('tells little of a loader.img whose kernel is packed in another way', () => {
    const told = inspectKernelFile('loader.img', fakeLoader());
    expect(told.abilities).toBeUndefined();
    expect(told.capabilities).toEqual([expect.objectContaining({ name: 'bios', state: 'yes' })]);
    expect(states(fakeArmLoader())).toEqual({ image: 'yes' });
  });

  it('never fails otherwise than refused, whatever bytes are damaged', () => {
    const base = packedLoader(kernelWith(['N2hw9hw_driverE'], undefined, { path: '/x', size: 5 }));
    const places = fc.oneof(fc.nat(600), fc.integer({ min: 65_500, max: base.length - 1 }));
    fc.assert(
      fc.property(fc.array(fc.tuple(places, fc.nat(255)), { maxLength: 6 }), (damages) => {
        const copy = Buffer.from(base);
        for (const [place, byte] of damages) copy[place] = byte;
        try {
          expect(inspectKernelFile('x', copy).capabilities.length).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toMatchObject({ code: 'KERNEL_INVALID' });
        }
      }),
      { numRuns: 100 },
    );
  });
});

describe('inspectKernel', () => {
  it('reads a kernel of the store, its ELF or what is in its loader.img', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'osv-convert-inspect-'));
    const store = await openStore(folder);
    const elf = kernelWith(['procfs']);
    const loader = { name: 'loader.img', bytes: packedLoader(elf) };
    const packed = await inspectKernel(store, await addKernel(store, [loader], { name: 'a' }));
    expect(packed).toEqual(inspectKernelFile('loader.img', loader.bytes));
    const both = await addKernel(store, [loader, { name: 'elf', bytes: elf }], { name: 'b' });
    const told = await inspectKernel(store, both);
    expect(told).toMatchObject({ loader: both.loader, elf: both.elf, abilities: packed.abilities });
    await rm(folder, { recursive: true, force: true });
  });

  it('tells of a real kernel what is known of it', async (context) => {
    const real = await findRealKernel();
    // A real kernel is no part of the repository.
    if (real === undefined) {
      console.log(
        'skipped: inspecting a real kernel, for the default store has none with hidden symbols',
      );
      return context.skip('the default store has no kernel with hidden symbols');
    }
    const told = await inspectKernel(real.store, real.kernel);
    expect(told.abilities?.exports).toContain('malloc');
    expect(told.abilities?.supplied).toContain('libc.so.6');
    const state = Object.fromEntries(told.capabilities.map((one) => [one.name, one.state]));
    expect(state).toMatchObject({ bios: 'yes', pvh: 'yes', rofs: 'yes', 'virtio-blk': 'yes' });
  });
});
