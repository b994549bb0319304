import type { DotnetApp } from '../dotnet/app.ts';
import { architectureNames } from '../dotnet/architecture.ts';
import type { Kernel } from '../osv/kernel.ts';
import { fetchCommandFor } from '../osv/kernel-needs.ts';
import type { Finding } from './finding.ts';

/**
 * Whether `kernel` can run `app`, as far as its own facts tell. `tlsSize` is PT_TLS of
 * the program that OSv starts, in bytes, rounded up to its alignment (core/elf.cc, `process_headers`).
 */
export function checkKernel(
  kernel: Kernel,
  app: Pick<DotnetApp, 'kind' | 'architecture'>,
  { tlsSize = 0 }: { readonly tlsSize?: number } = {},
): readonly Finding[] {
  return [
    ...processor(kernel, app),
    ...(app.kind === 'native-aot' ? [] : symbols(kernel)),
    ...threadLocalData(kernel, tlsSize),
    ...timers(kernel),
  ];
}

function processor(
  { name, architecture }: Kernel,
  app: Pick<DotnetApp, 'architecture'>,
): readonly Finding[] {
  const wanted = architectureNames[app.architecture].gnu;
  if (architecture === wanted) return [];
  return [
    {
      rule: 'kernel-architecture',
      severity: 'error',
      evidence: { found: `kernel ${name}: for ${architecture}` },
      consequence: `the app is for ${wanted}, and nothing of it can run`,
      fix: fetchCommandFor(wanted),
      code: 'KERNEL_UNSUITABLE',
    },
  ];
}

function symbols({ name, symbols, architecture }: Kernel): readonly Finding[] {
  if (symbols === 'exposed') {
    return [
      {
        rule: 'kernel-symbols-exposed',
        severity: 'error',
        evidence: { found: `kernel ${name}: exposed symbols` },
        consequence: "the kernel's C++ library stands in for the one .NET needs: it crashes",
        fix: fetchCommandFor(architecture),
        code: 'KERNEL_UNSUITABLE',
      },
    ];
  }
  if (symbols === 'hidden') return [];
  return [
    {
      rule: 'kernel-symbols-unknown',
      severity: 'warning',
      evidence: {
        found: `kernel ${name}: its loader.img does not show whether symbols are hidden`,
      },
      consequence: '.NET crashes on a kernel that exports its own C++ library',
      fix: `add its ELF to know: osv-convert kernel add --name ${name} loader-stripped.elf`,
    },
  ];
}

function threadLocalData(
  { name, architecture, version, tlsLimit }: Kernel,
  tlsSize: number,
): readonly Finding[] {
  const isMeasured = architecture === 'x86_64' && isRelease057(version);
  const limit = tlsLimit ?? (isMeasured ? release057TlsLimit : undefined);
  if (limit === undefined || tlsSize <= limit) return [];
  return [
    {
      rule: 'tls-size',
      severity: 'warning',
      evidence: {
        found: `kernel ${name} reserves ${limit} bytes for thread-local data and the program has ${tlsSize}`,
      },
      consequence: 'it crashes, at its end or before',
      fix: `build the kernel with app_local_exec_tls_size=${Math.ceil(tlsSize / 64) * 64}`,
    },
  ];
}

function timers({ name, version }: Kernel): readonly Finding[] {
  if (!isRelease057(version)) return [];
  return [
    {
      rule: 'kernel-timers',
      severity: 'warning',
      evidence: { found: `kernel ${name} is OSv ${version}` },
      consequence: 'System.Threading.Timer never fires on it',
      fix: 'use a newer build of OSv',
    },
  ];
}

/** Measured; later builds show it themselves. */
const release057TlsLimit = 72;

/** The release itself, not a build of a later commit, whose version goes on with `-COUNT-gCOMMIT`. */
function isRelease057(version: string | undefined): boolean {
  return version === 'v0.57.0';
}
