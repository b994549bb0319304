import { isUtf8 } from 'node:buffer';
import { ConvertError } from '../error.ts';
import type { PortForward } from './port-forward.ts';

/** A virtual machine that runs one disk. */
export interface Machine {
  /** `path` is absolute: QEMU takes `NAME:` at the start of another for a protocol. */
  readonly disk: { readonly path: string; readonly format: 'raw' | 'qcow2' };
  readonly boot: Boot;
  /** In MiB. */
  readonly memory: number;
  readonly cpus: number;
  readonly accelerator: 'kvm' | 'tcg';
  readonly forwards: readonly PortForward[];
}

/** `direct`: the hypervisor brings kernel and command line. `bios`: both are on the disk. */
export type Boot =
  | { readonly kind: 'bios' }
  | { readonly kind: 'direct'; readonly kernel: string; readonly commandLine: string };

/** Bytes of a command line that QEMU hands over whole; it cuts at about 3650 (measured, QEMU 7.2). */
const directCommandLineLimit = 3600;

export interface BootParts {
  /** Path of the kernel's ELF on the host. */
  readonly elf?: string;
  readonly commandLine?: Uint8Array;
  /** True when the disk has a kernel of its own. */
  readonly hasLoader: boolean;
}

/**
 * Direct boot where it can be had, for it is faster; else the disk boots itself.
 * @throws ConvertError `KERNEL_NOT_FOUND` when there is no kernel; `COMMAND_LINE_INEXPRESSIBLE` when only
 * direct boot is left and the command line is unknown or cannot be handed over.
 */
export function chooseBoot({ elf, commandLine, hasLoader }: BootParts): Boot {
  const obstacle = commandLineObstacle(commandLine);
  if (elf !== undefined && commandLine !== undefined && obstacle === undefined) {
    return { kind: 'direct', kernel: elf, commandLine: Buffer.from(commandLine).toString('utf8') };
  }
  if (hasLoader) return { kind: 'bios' };
  if (elf === undefined) {
    throw new ConvertError(
      'KERNEL_NOT_FOUND',
      'booting the disk: found no kernel on it and no ELF of one in the store, wanted one of them',
      { hint: 'osv-convert kernel add loader-stripped.elf' },
    );
  }
  throw new ConvertError(
    'COMMAND_LINE_INEXPRESSIBLE',
    `booting the disk directly: found ${obstacle}, wanted at most ${directCommandLineLimit} bytes of UTF-8`,
    { hint: 'build the disk again with --boot bios' },
  );
}

function commandLineObstacle(commandLine: Uint8Array | undefined): string | undefined {
  if (commandLine === undefined) return 'no command line';
  if (!isUtf8(commandLine)) return 'a command line that is not UTF-8';
  return commandLine.length > directCommandLineLimit
    ? `a command line of ${commandLine.length} bytes`
    : undefined;
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
