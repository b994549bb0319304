import type { Digest } from '../../store/index.ts';
import type { DotnetApp } from '../dotnet/app.ts';
import { ConvertError } from '../error.ts';

/** An OSv kernel in the store: one build of it, in one or both of its bootable forms. */
export interface Kernel {
  /** As `--kernel` takes it. */
  readonly name: string;
  readonly architecture: KernelArchitecture;
  /** As the kernel prints it when it boots (`git describe`), where its files show it. */
  readonly version?: string;
  /** Whether the kernel's own C++ library hides that of programs, where its files show it. */
  readonly symbols: 'hidden' | 'exposed' | 'unknown';
  /** Bytes the kernel reserves for the thread-local data of a program, where its files show them. */
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
 * Whether `kernel` can run `app`. `tlsSize` is PT_TLS of the program that OSv starts, in bytes, rounded
 * up to its alignment (core/elf.cc, `process_headers`).
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
    yield `kernel ${name}: its loader.img does not show whether symbols are hidden, which .NET needs; add its ELF to know`;
  }
  const limit = tlsLimit ?? (isRelease057(version) ? release057TlsLimit : undefined);
  if (limit !== undefined && tlsSize > limit) {
    const wanted = Math.ceil(tlsSize / 64) * 64;
    yield `kernel ${name} reserves ${limit} bytes for thread-local data and the program has ${tlsSize}: it crashes, at its end or before; build the kernel with app_local_exec_tls_size=${wanted}`;
  }
  if (isRelease057(version)) {
    yield `kernel ${name} is OSv ${version}: System.Threading.Timer never fires on it; a newer build works`;
  }
}

/** Measured; later builds show it themselves. */
const release057TlsLimit = 72;

/** The release itself, not a build of a later commit, whose version goes on with `-COUNT-gCOMMIT`. */
function isRelease057(version: string | undefined): boolean {
  return version === 'v0.57.0';
}

function unsuitable(kernel: Kernel, found: string): ConvertError {
  return new ConvertError('KERNEL_UNSUITABLE', `choosing kernel ${kernel.name}: ${found}`, {
    hint: 'osv-convert kernel fetch',
  });
}
