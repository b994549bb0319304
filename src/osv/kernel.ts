import type { Digest } from '../../store/index.ts';

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
  /** Where it was got from: an artifact by its digest, or the address of a release. */
  readonly origin?: string;
  /** loader.img: boots from a disk by BIOS; that for aarch64 is an Image, which a hypervisor boots directly. */
  readonly loader?: KernelFile;
  /** loader-stripped.elf or loader.elf: booted directly by a hypervisor (PVH). */
  readonly elf?: KernelFile;
}

export type KernelArchitecture = 'x86_64' | 'aarch64';

/**
 * The file that a hypervisor starts by itself. On aarch64 that is no ELF: the kernel wants the addresses of
 * itself, its command line and the device tree in registers, which the head of its loader.img puts there
 * (OSv, arch/aarch64/preboot.S and boot.S).
 */
export const directForms = {
  x86_64: 'elf',
  aarch64: 'loader',
} as const satisfies Record<KernelArchitecture, 'elf' | 'loader'>;

/** `linux/arm64/v8` as `aarch64`: what runs an app for this platform. */
export function kernelArchitectureOf(platform: string): KernelArchitecture {
  return platform.split('/')[1] === 'arm64' ? 'aarch64' : 'x86_64';
}

export interface KernelFile {
  readonly digest: Digest;
  readonly size: number;
}
