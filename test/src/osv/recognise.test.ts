import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConvertError } from '../../../src/error.ts';
import { kernelSizeCap, recogniseKernel } from '../../../src/osv/recognise.ts';
import { buildElf } from '../elf/elf-builder.ts';
import { fakeArmLoader, fakeKernelElf, fakeLoader, packedLoader } from './fake-kernel.ts';

const nop = 0xd503_201f;

function factsOf(bytes: Uint8Array): object {
  const { bytes: _, ...facts } = recogniseKernel('kernel', bytes);
  return facts;
}

describe('recogniseKernel', () => {
  it('tells what the ELF of a hidden-symbols kernel shows', () => {
    expect(factsOf(fakeKernelElf())).toEqual({
      form: 'elf',
      architecture: 'x86_64',
      version: 'v0.57.0-398-g0e34e4dc',
      symbols: 'hidden',
      tlsLimit: 552,
    });
  });

  it('sees exposed symbols by C++ names among those the kernel exports', () => {
    expect(factsOf(fakeKernelElf({ exposed: true }))).toMatchObject({ symbols: 'exposed' });
  });

  it.each([
    ['none', []],
    ['two that differ', [552, 536]],
    ['one that starts behind its end', [-64]],
  ])('leaves the TLS limit open when the code shows %s', (_, limits) => {
    expect(factsOf(fakeKernelElf({ limits }))).not.toHaveProperty('tlsLimit');
  });

  it('knows what the kernel in a loader.img tells', () => {
    const facts = { ...factsOf(fakeKernelElf()), form: 'loader' };
    expect(facts).toMatchObject({ symbols: 'hidden', version: 'v0.57.0-398-g0e34e4dc' });
    expect(factsOf(packedLoader(fakeKernelElf()))).toEqual(facts);
  });

  it('knows a loader.img whose kernel it cannot find', () => {
    const wanted = { form: 'loader', architecture: 'x86_64', symbols: 'unknown' };
    expect(factsOf(fakeLoader())).toEqual(wanted);
  });

  it('knows the forms for aarch64', () => {
    expect(factsOf(fakeArmLoader())).toMatchObject({ form: 'loader', architecture: 'aarch64' });
    const elf = fakeKernelElf({ machine: 183 });
    expect(factsOf(elf)).toMatchObject({ form: 'elf', architecture: 'aarch64' });
    expect(factsOf(fakeArmLoader(elf))).toEqual({ ...factsOf(elf), form: 'loader' });
  });

  it('reads the TLS limit of aarch64 from the addresses that its code makes', () => {
    const tls = { address: 0x5_1060, fileSize: 0x204, memorySize: 0x858, align: 16 };
    const kernelWith = (...code: readonly number[]): Buffer =>
      fakeKernelElf({
        machine: 183,
        tls,
        data: Buffer.concat([
          Buffer.from('\0OSv v0.57.0\n\0'.padEnd(16, '\0')),
          Buffer.from(Uint32Array.from([...code, ...Array(16).fill(nop)]).buffer),
        ]),
      });
    // adrp x1, 0x51000; nop; add x1, x1, #OFFSET; and the same for x0.
    const address = (register: number, offset: number): readonly number[] => [
      (0xb000_0000 | ((0x51 >> 2) << 5) | register) >>> 0,
      nop,
      (0x9100_0000 | (offset << 10) | (register << 5) | register) >>> 0,
    ];
    const [start, end] = [address(0, 0x60), address(1, 0x260)];
    expect(factsOf(kernelWith(...start, ...end))).toMatchObject({ tlsLimit: 512 });
    for (const code of [start, [...end, ...address(2, 0x160)], address(1, 0x265), [nop]]) {
      expect(factsOf(kernelWith(...code))).not.toHaveProperty('tlsLimit');
    }
  });

  it('inflates .gz', () => {
    const elf = fakeKernelElf();
    expect(recogniseKernel('kernel.gz', gzipSync(elf)).bytes).toEqual(elf);
  });

  const elf = fakeKernelElf();
  const armLoader = fakeArmLoader();
  // The table of its two sections is behind what is loaded.
  const imageEnd = armLoader.length - 2 * 64;
  const disk = fakeLoader();
  disk.writeUInt32LE(8192, 0x1ce + 8);
  it.each<[string, Uint8Array, string]>([
    ['nothing', new Uint8Array(), 'nothing'],
    ['text', Buffer.from('hello, world'), '68656c6c6f2c2077'],
    ['a program', buildElf(), 'without the version string'],
    [
      'a kernel without the entry of a hypervisor',
      fakeKernelElf({ note: { name: 'Xen', type: 6, description: Buffer.from('osv') } }),
      'PVH',
    ],
    ['an ELF for another machine', fakeKernelElf({ machine: 3 }), 'machine 3'],
    ['half an ELF', elf.subarray(0, 200), 'the file ends at 200'],
    ['a truncated loader', fakeLoader(9, 131_072), 'announces 360448'],
    ['a loader of no length', fakeLoader(0, 100_000), 'announces 65536'],
    ['a truncated Image', armLoader.subarray(0, imageEnd - 1), `announces ${imageEnd}`],
    ['an Image without its magic', Buffer.from(armLoader).fill(0, 56, 60), 'begin with 00000000'],
    ['a finished disk', disk, 'a finished disk with partitions'],
    ['damaged gzip', gzipSync(elf).subarray(0, 100), 'damaged gzip'],
    ['a gzip bomb', gzipSync(Buffer.alloc(kernelSizeCap + 1)), 'a gzip file of more than'],
    ['too large a file', Buffer.alloc(kernelSizeCap + 1), 'at most 67108864'],
  ])('refuses %s', (_, bytes, found) => {
    const recognise = () => recogniseKernel('some.img', bytes);
    expect(recognise).toThrow(ConvertError);
    expect(recognise).toThrow(expect.objectContaining({ code: 'KERNEL_INVALID' }));
    expect(recognise).toThrow(found);
    expect(recognise).toThrow(/^reading kernel file "some.img": .*wanted OSv's loader.img/);
  });

  it('refuses random and damaged bytes without any other error', () => {
    const positions = fc.oneof(fc.nat(600), fc.integer({ min: 65_500, max: 66_000 }));
    const damages = fc.array(fc.tuple(positions, fc.nat(255)), { maxLength: 8 });
    const bases = fc.constantFrom(fakeKernelElf(), fakeLoader(), fakeArmLoader());
    const damaged = fc.tuple(bases, damages).map(([base, changes]) => {
      const copy = Buffer.from(base);
      for (const [at, byte] of changes) copy[at % copy.length] = byte;
      return copy;
    });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 4096 }), damaged), (bytes) => {
        try {
          expect(recogniseKernel('x', bytes).bytes.length).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toMatchObject({ code: 'KERNEL_INVALID' });
        }
      }),
      { numRuns: 300 },
    );
  });
});
