import { isUtf8 } from 'node:buffer';
import { imageCommandLineLimit } from '../disk/kernel-image.ts';
import type { ReadFormat } from '../disk/read-format.ts';
import { ConvertError } from '../error.ts';
import type { Network } from './network.ts';

/** A virtual machine that runs one disk. */
export interface Machine {
  readonly architecture: 'x86_64' | 'aarch64';
  /** The guest only reads it. */
  readonly disk: Disk;
  /** Data of the guest, which it writes: `/dev/vblk1`, and so on. */
  readonly disks: readonly Disk[];
  /** Folders of the host, which the guest only reads: `/dev/virtiofs0`, and so on. */
  readonly shares?: readonly Share[];
  readonly boot: Boot;
  /** In MiB. */
  readonly memory: number;
  readonly cpus: number;
  readonly accelerator: 'kvm' | 'tcg';
  /** `eth0`, and so on. */
  readonly networks: readonly Network[];
}

/** `path` is absolute: QEMU takes `NAME:` at the start of another for a protocol. */
export interface Disk {
  readonly path: string;
  readonly format: ReadFormat;
}

/**
 * A folder of the host, absolute, and where its server listens: a path of at most 107 bytes (unix(7)), of a machine
 * that is only planned a name, to which who starts the server gives its place.
 */
export interface Share {
  readonly folder: string;
  readonly socket: string;
}

/** `direct`: the hypervisor brings kernel and command line. `bios`: both are on the disk. */
export type Boot =
  | { readonly kind: 'bios' }
  | { readonly kind: 'direct'; readonly kernel: string; readonly commandLine: string };

/** Bytes of a command line that arrive whole. On x86_64 QEMU cuts it at about 3650 (measured, QEMU 7.2). */
const directCommandLineLimits = {
  x86_64: 3600,
  aarch64: imageCommandLineLimit,
} as const satisfies Record<Machine['architecture'], number>;

export interface BootParts {
  /** x86_64 when absent. */
  readonly architecture?: Machine['architecture'];
  /** Path on the host of the kernel's ELF; on aarch64 of its loader.img. */
  readonly elf?: string;
  readonly commandLine?: Uint8Array;
  /** True when the disk has a kernel of its own. */
  readonly hasLoader: boolean;
  /** What was asked for and only direct boot can do, such as `--env`. */
  readonly wish?: string;
}

/**
 * Direct boot where it can be had, for it is faster; else the disk boots itself, if nothing is asked for
 * that its command line does not say.
 * @throws ConvertError `KERNEL_NOT_FOUND` when there is no kernel; `COMMAND_LINE_INEXPRESSIBLE` when only
 * direct boot is left and the command line is unknown or cannot be handed over.
 */
export function chooseBoot(parts: BootParts): Boot {
  const { architecture = 'x86_64', elf, commandLine, hasLoader, wish } = parts;
  const limit = directCommandLineLimits[architecture];
  const obstacle = commandLine && commandLineObstacle(commandLine, limit);
  if (elf !== undefined && commandLine !== undefined && obstacle === undefined) {
    return { kind: 'direct', kernel: elf, commandLine: Buffer.from(commandLine).toString('utf8') };
  }
  if (hasLoader && wish === undefined) return { kind: 'bios' };
  const booting =
    wish === undefined ? 'booting the disk' : `booting the disk directly, as ${wish} wants`;
  if (elf === undefined) {
    const file = architecture === 'x86_64' ? 'ELF' : 'loader.img';
    const found = hasLoader
      ? `found no ${file} of its kernel in the store`
      : `found no kernel on it and no ${file} of one in the store, wanted one of them`;
    throw new ConvertError('KERNEL_NOT_FOUND', `${booting}: ${found}`, {
      hint: `osv-convert kernel add ${architecture === 'x86_64' ? 'loader-stripped.elf' : file}`,
    });
  }
  if (commandLine === undefined) {
    throw new ConvertError(
      'COMMAND_LINE_INEXPRESSIBLE',
      'booting the disk: found no command line on it and none in FILE.json beside it, wanted a disk made by build',
      { hint: 'osv-convert build REF -o FILE' },
    );
  }
  throw new ConvertError(
    'COMMAND_LINE_INEXPRESSIBLE',
    `${booting}: found ${obstacle}, wanted at most ${limit} bytes of UTF-8`,
    wish === undefined && architecture === 'x86_64'
      ? { hint: 'build the disk again with --boot bios' }
      : {},
  );
}

function commandLineObstacle(commandLine: Uint8Array, limit: number): string | undefined {
  if (!isUtf8(commandLine)) return 'a command line that is not UTF-8';
  return commandLine.length > limit ? `a command line of ${commandLine.length} bytes` : undefined;
}

/** A command line with more options of OSv's loader, which come before all else (loader.cc). */
export function withLoaderOptions(line: Uint8Array, options: readonly string[]): Uint8Array {
  return Buffer.concat([Buffer.from(options.map((option) => `${option} `).join('')), line]);
}

/** Reads a size of memory, `512`, `512M` or `2G`, in MiB. @throws ConvertError `USAGE`. */
export function parseMemory(text: string): number {
  const [, digits, unit] = /^(\d{1,6})([MG]?)$/i.exec(text) ?? [];
  const memory = Number(digits ?? 0) * (unit?.toUpperCase() === 'G' ? 1024 : 1);
  if (memory < 64) throw usage('an amount of memory', text, 'at least 64 MiB, e.g. 512M or 2G');
  return memory;
}

/** @throws ConvertError `USAGE`. OSv numbers up to 64 processors (include/osv/sched.hh, `max_cpus`). */
export function parseCpus(text: string): number {
  const cpus = /^\d{1,2}$/.test(text) ? Number(text) : 0;
  if (cpus < 1 || cpus > 64) throw usage('a number of processors', text, '1 to 64');
  return cpus;
}

function usage(what: string, text: string, wanted: string): ConvertError {
  const found = JSON.stringify(text.slice(0, 160));
  return new ConvertError('USAGE', `reading ${what}: found ${found}, wanted ${wanted}`);
}
