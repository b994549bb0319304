import { describe, expect, it } from 'vitest';
import type { Kernel } from '../../../src/osv/kernel.ts';
import { type Candidate, chooseKernel, type KernelNeeds } from '../../../src/osv/kernel-needs.ts';
import { parseDigest } from '../../../store/index.ts';

const file = { digest: parseDigest(`sha256:${'0'.repeat(64)}`), size: 1 };

function candidate(
  name: string,
  {
    isDefault = false,
    without = [],
    form = 'loader',
    ...facts
  }: Partial<Kernel> & {
    readonly isDefault?: boolean;
    readonly without?: readonly string[];
    readonly form?: 'loader' | 'elf';
  } = {},
): Candidate {
  const kernel: Kernel = {
    name,
    architecture: 'x86_64',
    symbols: 'hidden',
    ...(form === 'loader' ? { loader: file } : { elf: file }),
    ...facts,
  };
  const group = (one: string) => (one === 'membarrier' ? 'call' : 'file-system');
  return {
    kernel,
    isDefault,
    capabilities: without.map((one) => ({
      name: one,
      group: group(one),
      state: 'no',
      evidence: '',
    })),
  };
}

const needs: KernelNeeds = {
  architecture: 'x86_64',
  form: 'loader',
  hiddenSymbols: true,
  tlsSize: 576,
  capabilities: ['membarrier'],
};

describe('chooseKernel', () => {
  it.each<[string, readonly Candidate[], string, string | undefined]>([
    ['the only one', [candidate('a', { tlsLimit: 72 })], 'a', undefined],
    [
      'the default when it lacks nothing',
      [candidate('a'), candidate('b', { isDefault: true })],
      'b',
      undefined,
    ],
    [
      'another when the default has too little room',
      [candidate('a', { isDefault: true, tlsLimit: 552 }), candidate('b', { tlsLimit: 1064 })],
      'b',
      'kernel b is used, for the default a: 552 of 576 bytes for thread-local data',
    ],
    [
      'another when the default lacks a system call',
      [candidate('a', { isDefault: true, without: ['membarrier'] }), candidate('b')],
      'b',
      'kernel b is used, for the default a: no membarrier',
    ],
    [
      'the default when all lack only what may do no harm',
      [candidate('a', { tlsLimit: 72 }), candidate('b', { isDefault: true, tlsLimit: 72 })],
      'b',
      undefined,
    ],
    [
      'another when the default cannot run the app',
      [candidate('a', { isDefault: true, symbols: 'exposed' }), candidate('b', { tlsLimit: 72 })],
      'b',
      'kernel b is used, for the default a: exposed symbols',
    ],
    [
      'the one with most room when none is the default',
      [candidate('a', { tlsLimit: 600 }), candidate('b', { tlsLimit: 1064 })],
      'b',
      'kernel b is used, for no kernel is the default',
    ],
  ])('takes %s', (_, candidates, name, reason) => {
    const choice = chooseKernel(candidates, needs);
    expect([choice.kernel.name, choice.reason]).toEqual([name, reason]);
  });

  it('lists what each lacks when none can run the app, and takes the default all the same when forced', () => {
    const candidates = [
      candidate('arm', { architecture: 'aarch64', tlsLimit: 72 }),
      candidate('bare', { isDefault: true, symbols: 'exposed', form: 'elf' }),
      candidate('small', { without: ['ext'] }),
    ];
    const wanted = { ...needs, capabilities: ['ext'] };
    const refused = expect.objectContaining({
      code: 'KERNEL_UNSUITABLE',
      hint: expect.stringContaining('osv-convert kernel add'),
    });
    expect(() => chooseKernel(candidates, wanted)).toThrow(refused);
    expect(() => chooseKernel(candidates, wanted)).toThrow(
      'found arm (for aarch64, 72 of 576 bytes for thread-local data), small (no ext), ' +
        'bare (no loader.img, exposed symbols)',
    );
    expect(chooseKernel(candidates, wanted, true).kernel.name).toBe('bare');
  });

  it('fails when there is none', () => {
    expect(() => chooseKernel([], needs)).toThrow(
      expect.objectContaining({ code: 'KERNEL_NOT_FOUND' }),
    );
  });
});
