import { ConvertError } from '../error.ts';
import { shellWord } from '../shell-word.ts';
import type { Disk, Machine } from './machine.ts';
import type { Network } from './network.ts';

/**
 * A machine as Firecracker reads it from `--config-file`; each member is also the body of a call of its API
 * (src/firecracker/swagger/firecracker.yaml of Firecracker, whose spelling this is).
 */
export interface FirecrackerConfig {
  readonly 'machine-config': { readonly vcpu_count: number; readonly mem_size_mib: number };
  readonly 'boot-source': { readonly kernel_image_path: string; readonly boot_args: string };
  readonly drives: readonly FirecrackerDrive[];
  readonly 'network-interfaces': readonly FirecrackerInterface[];
}

interface FirecrackerDrive {
  readonly drive_id: string;
  readonly path_on_host: string;
  /** Never: Firecracker would add `root=/dev/vda` to the command line, which OSv takes for its program's. */
  readonly is_root_device: false;
  readonly is_read_only: boolean;
}

interface FirecrackerInterface {
  readonly iface_id: string;
  readonly guest_mac: string;
  /** A tap device. */
  readonly host_dev_name: string;
}

/** Bytes of a command line with its NUL, on both architectures (src/vmm/src/arch, CMDLINE_MAX_SIZE). */
const commandLineSize = 2048;

/** Bytes kept for what Firecracker adds for a device: `virtio_mmio.device=4K@0xc0001000:5` and a blank, with room to grow. */
const deviceWords = 64;

/**
 * The configuration of a machine for Firecracker, which boots directly only.
 * @throws ConvertError `USAGE` for what Firecracker does not have: disks that are not raw, networks that are
 * not tap devices, more than 32 processors; `COMMAND_LINE_INEXPRESSIBLE` when the command line is too long.
 */
export function firecrackerConfig(machine: Machine): FirecrackerConfig {
  const { disk, disks, shares = [], boot, memory, cpus, networks } = machine;
  if (boot.kind === 'bios') {
    throw refused('a disk that boots itself', 'the ELF of a kernel', 'osv-convert kernel ls');
  }
  refuseShares(shares);
  if (cpus > 32) throw refused(`${cpus} processors`, 'at most 32', '--cpus 32');
  const drives = [
    driveOf('disk', disk, true),
    ...disks.map((data, at) => driveOf(`data${at}`, data, false)),
  ];
  return {
    'machine-config': { vcpu_count: cpus, mem_size_mib: memory },
    'boot-source': {
      kernel_image_path: boot.kernel,
      boot_args: bootArguments(machine, boot.commandLine, drives.length + networks.length),
    },
    drives,
    'network-interfaces': networks.map(interfaceOf),
  };
}

/** It has no virtiofs. @throws ConvertError `USAGE` when there are any. */
export function refuseShares(shares: readonly unknown[]): void {
  if (shares.length === 0) return;
  throw refused('shares of folders', 'none', 'share them in QEMU: --vmm qemu');
}

/** There is no PCI bus, for which OSv would look in vain on x86_64 (scripts/firecracker.py of OSv). */
function bootArguments({ architecture }: Machine, line: string, devices: number): string {
  const whole = architecture === 'x86_64' ? `--nopci ${line}` : line;
  const limit = commandLineSize - 1 - devices * deviceWords;
  const obstacle = obstacleOf(whole, limit);
  if (obstacle === undefined) return whole;
  throw new ConvertError(
    'COMMAND_LINE_INEXPRESSIBLE',
    `planning a machine of Firecracker: found a command line ${obstacle}`,
    { hint: 'build the disk with other variables, or run it in QEMU: --vmm qemu' },
  );
}

/** Firecracker takes printable ASCII only, and puts the words of its devices before the first ` -- `. */
function obstacleOf(line: string, limit: number): string | undefined {
  if (!/^[ -~]*$/.test(line)) return 'with other characters than printable ASCII, wanted those';
  if (line.includes(' -- ')) return 'with the word --, wanted one without';
  return line.length > limit ? `of ${line.length} bytes, wanted at most ${limit}` : undefined;
}

function driveOf(id: string, { path, format }: Disk, isReadOnly: boolean): FirecrackerDrive {
  if (format !== 'raw') {
    throw refused(
      `the ${format} disk ${path}`,
      'a raw one',
      `osv-convert convert-disk ${shellWord(path)} ${shellWord(`${path}.raw`)}`,
    );
  }
  return { drive_id: id, path_on_host: path, is_root_device: false, is_read_only: isReadOnly };
}

function interfaceOf(network: Network, at: number): FirecrackerInterface {
  if (network.kind !== 'tap') {
    const wanted = 'a tap device of the host, or no network';
    throw refused(`a ${network.kind} network`, wanted, '--network tap:tap0, or --network none');
  }
  return { iface_id: `eth${at}`, guest_mac: network.mac, host_dev_name: network.device };
}

function refused(found: string, wanted: string, hint: string): ConvertError {
  return new ConvertError(
    'USAGE',
    `planning a machine of Firecracker: found ${found}, wanted ${wanted}`,
    { hint },
  );
}
