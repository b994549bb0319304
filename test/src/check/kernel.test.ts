import { describe, expect, it } from 'vitest';
import { checkKernel } from '../../../src/check/kernel.ts';
import type { Kernel } from '../../../src/osv/kernel.ts';

const kernel: Kernel = { name: 'k', architecture: 'x86_64', symbols: 'hidden', tlsLimit: 552 };

describe('checkKernel', () => {
  it('has nothing against a hidden-symbols kernel whose reserve is large enough', () => {
    expect(
      checkKernel(kernel, { kind: 'single-file', architecture: 'x64' }, { tlsSize: 552 }),
    ).toEqual([]);
  });

  it.each<[string, Partial<Kernel>]>([
    ['kernel-symbols-exposed', { symbols: 'exposed' }],
    ['kernel-architecture', { architecture: 'aarch64' }],
  ])('finds %s an error, with the code by which build refuses', (rule, changes) => {
    expect(
      checkKernel({ ...kernel, ...changes }, { kind: 'framework-dependent', architecture: 'x64' }),
    ).toEqual([expect.objectContaining({ rule, severity: 'error', code: 'KERNEL_UNSUITABLE' })]);
  });

  it.each([
    ['x64', 'aarch64', 'osv-convert kernel fetch'],
    ['arm64', 'x86_64', 'osv-convert kernel fetch --arch aarch64'],
  ] as const)('tells an app for %s on a kernel for %s which to get', (app, architecture, fix) => {
    const found = checkKernel(
      { ...kernel, architecture },
      { kind: 'native-aot', architecture: app },
    );
    expect(found).toEqual([expect.objectContaining({ rule: 'kernel-architecture', fix })]);
  });

  it('has nothing against a kernel for aarch64 where the app is for arm64', () => {
    const app = { kind: 'single-file', architecture: 'arm64' } as const;
    expect(checkKernel({ ...kernel, architecture: 'aarch64' }, app)).toEqual([]);
  });

  it('lets a native app run on exposed symbols', () => {
    expect(
      checkKernel({ ...kernel, symbols: 'exposed' }, { kind: 'native-aot', architecture: 'x64' }),
    ).toEqual([]);
  });

  it('warns when the program needs more than the reserve, with the size to build (OSV.md 9.4)', () => {
    expect(
      checkKernel(kernel, { kind: 'single-file', architecture: 'x64' }, { tlsSize: 576 }),
    ).toEqual([
      {
        rule: 'tls-size',
        severity: 'warning',
        evidence: {
          found: 'kernel k reserves 552 bytes for thread-local data and the program has 576',
        },
        consequence: 'it crashes, at its end or before',
        fix: 'build the kernel with app_local_exec_tls_size=576',
      },
    ]);
  });

  it('warns of the last release, whose reserve is known though its ELF may not show it', () => {
    const { tlsLimit: _, ...release } = { ...kernel, version: 'v0.57.0' };
    const rulesOf = (one: Kernel, tlsSize: number): readonly string[] =>
      checkKernel(one, { kind: 'single-file', architecture: 'x64' }, { tlsSize }).map(
        ({ rule }) => rule,
      );
    expect(rulesOf(release, 8)).toEqual(['kernel-timers']);
    expect(rulesOf(release, 320)).toEqual(['tls-size', 'kernel-timers']);
    expect(rulesOf({ ...release, version: 'v0.57.0-398-g0e34e4dc' }, 320)).toEqual([]);
  });

  it('warns when symbols are not known', () => {
    expect(
      checkKernel({ ...kernel, symbols: 'unknown' }, { kind: 'single-file', architecture: 'x64' }),
    ).toEqual([
      expect.objectContaining({
        rule: 'kernel-symbols-unknown',
        fix: expect.stringContaining('add its ELF'),
      }),
    ]);
  });
});
