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
