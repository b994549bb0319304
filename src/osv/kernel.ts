import type { Digest } from '../../store/index.ts';
import type { DotnetApp } from '../dotnet/app.ts';
import { readElf } from '../elf/read.ts';
import { ConvertError } from '../error.ts';
import type { SyncAccess } from '../tree/contents.ts';

/** An OSv kernel in the store: one build of it, in one or both of its bootable forms. */
export interface Kernel {
  /** As `--kernel` takes it. */
  readonly name: string;
  readonly architecture: KernelArchitecture;
  /** As the kernel prints it when it boots (`git describe`); a loader.img alone does not show it. */
  readonly version?: string;
  /** Whether the kernel's own C++ library hides that of programs; a loader.img alone does not show it. */
  readonly symbols: 'hidden' | 'exposed' | 'unknown';
  /** Bytes the kernel reserves for the thread-local data of a program, where its ELF shows them. */
  readonly tlsLimit?: number;
  /** loader.img: boots from a disk by BIOS. */
  readonly loader?: KernelFile;
  /** loader-stripped.elf or loader.elf: booted directly by a hypervisor (PVH). */
  readonly elf?: KernelFile;
}

export type KernelArchitecture = 'x86_64' | 'aarch64';

export interface KernelFile {
  readonly digest: Digest;
  readonly size: number;
}

/**
 * Bytes of thread-local data that the kernel must hold for a program (core/elf.cc, `process_headers`):
 * its PT_TLS, rounded up to its alignment; 0 where it has none or is no dynamic executable.
 */
export function tlsSizeOf(program: SyncAccess): number {
  const elf = readElf(program);
  if (elf?.kind !== 'elf' || elf.tls === undefined || elf.interpreter === undefined) return 0;
  const align = Math.max(1, elf.tls.align);
  return Math.ceil(elf.tls.memorySize / align) * align;
}

/**
 * Whether `kernel` can run `app`. `tlsSize` is that of the program that OSv starts.
 * @returns warnings, one sentence each.
 * @throws ConvertError `KERNEL_UNSUITABLE`.
 */
export function checkKernel(
  kernel: Kernel,
  app: Pick<DotnetApp, 'kind'>,
  { tlsSize = 0 }: { readonly tlsSize?: number } = {},
): readonly string[] {
  if (kernel.architecture !== 'x86_64') {
    throw unsuitable(kernel, `found a kernel for ${kernel.architecture}, wanted one for x86_64`);
  }
  if (kernel.symbols === 'exposed' && app.kind !== 'native-aot') {
    throw unsuitable(
      kernel,
      'found a kernel with exposed symbols, wanted hidden ones: its own C++ library would stand in for the one .NET needs',
    );
  }
  return [...kernelWarnings(kernel, app, tlsSize)];
}

function* kernelWarnings(
  { name, version, symbols, tlsLimit }: Kernel,
  { kind }: Pick<DotnetApp, 'kind'>,
  tlsSize: number,
): Generator<string> {
  if (symbols === 'unknown' && kind !== 'native-aot') {
    yield `kernel ${name}: a loader.img alone does not show whether symbols are hidden, which .NET needs; add its ELF to know`;
  }
  if (tlsLimit !== undefined && tlsSize > tlsLimit) {
    yield `kernel ${name} reserves ${tlsLimit} bytes for thread-local data and the program has ${tlsSize}: memory is overwritten, and the app dies at its end or before; build the kernel with app_local_exec_tls_size=${Math.ceil(tlsSize / 64) * 64}`;
  }
  if (isRelease057(version)) {
    yield `kernel ${name} is OSv ${version}: timers do not fire, and System.Threading.Timer with them; a newer build works`;
    if (kind === 'single-file' && tlsLimit === undefined) {
      yield `kernel ${name} is OSv ${version}: single-file apps crash at start, for it reserves only 72 bytes for thread-local data`;
    }
  }
}

/** The release itself, not a build of a later commit, whose version goes on with `-COUNT-gCOMMIT`. */
function isRelease057(version: string | undefined): boolean {
  return version === 'v0.57.0';
}

function unsuitable(kernel: Kernel, found: string): ConvertError {
  return new ConvertError('KERNEL_UNSUITABLE', `choosing kernel ${kernel.name}: ${found}`, {
    hint: 'osv-convert kernel fetch',
  });
}
