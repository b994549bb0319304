import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decompressFastlz } from '../../../src/osv/fastlz.ts';
import { unpackLoader } from '../../../src/osv/loader-image.ts';
import type { SyncAccess } from '../../../src/tree/access.ts';
import { findRealKernel } from '../../support/kernels.ts';
import { packedLoader } from './fake-kernel.ts';
import { compressFastlz } from './fastlz.ts';

const real = await findRealKernel();

function accessOf(bytes: Uint8Array): SyncAccess {
  return {
    size: bytes.length,
    read: (offset, length) => bytes.subarray(offset, offset + length),
  };
}

/** Bytes with much in them that repeats, near and far. */
const repetitive = fc
  .array(
    fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 900 })),
    {
      minLength: 1,
      maxLength: 8,
    },
  )
  .map((parts) => Buffer.concat(parts.flatMap(([bytes, times]) => Array(times).fill(bytes))));

describe('decompressFastlz', () => {
  it.each([1, 2] as const)('gives back what was compressed with level %s', (level) => {
    fc.assert(
      fc.property(repetitive, (bytes) => {
        const packed = compressFastlz(bytes, level);
        expect(Buffer.from(decompressFastlz(packed, bytes.length) ?? [])).toEqual(bytes);
      }),
      { numRuns: 60, seed: 1 },
    );
  });

  it('gives bytes of the size asked for, or nothing, whatever it is given', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(5000), (bytes, size) => {
        const output = decompressFastlz(bytes, size);
        expect(output === undefined || output.length === size).toBe(true);
      }),
      { numRuns: 5000, seed: 1 },
    );
  });
});

describe('unpackLoader', () => {
  it('gives the kernel when it has several pieces, some stored as they are', () => {
    const kernel = Buffer.concat([Buffer.alloc(1 << 20, 'kernel'), randomBytes(1 << 12)]);
    expect(Buffer.from(unpackLoader(accessOf(packedLoader(kernel))) ?? [])).toEqual(kernel);
  });

  it('gives nothing when there is no kernel', () => {
    expect(unpackLoader(accessOf(Buffer.alloc(300_000)))).toBeUndefined();
    expect(unpackLoader(accessOf(Buffer.alloc(10)))).toBeUndefined();
  });

  it.skipIf(real === undefined)('gives the very ELF of a real kernel', async () => {
    if (real?.kernel.loader === undefined || real.kernel.elf === undefined) throw new Error('no');
    const cap = 64 << 20;
    const loader = await real.store.blobs.read(real.kernel.loader.digest, cap);
    const elf = await real.store.blobs.read(real.kernel.elf.digest, cap);
    expect(Buffer.from(unpackLoader(accessOf(loader)) ?? []).equals(elf)).toBe(true);
  });
});
