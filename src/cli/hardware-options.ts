import { type Command, Option } from 'commander';
import { parseCpus, parseMemory } from '../run/machine.ts';
import { type NetworkWish, parseNetwork } from '../run/parse-network.ts';
import { type PortForward, parsePortForwards } from '../run/port-forward.ts';
import type { VmmKind } from '../run/run-machine.ts';
import { collect } from './env.ts';

/** What a machine is made of and runs on, whether it is run or created. */
export interface HardwareOptions {
  readonly publish?: readonly string[];
  readonly memory: string;
  readonly cpus: string;
  readonly kernel?: string;
  readonly accel: 'auto' | 'kvm' | 'tcg';
  readonly network?: readonly string[];
  readonly verbose?: true;
  readonly vmm: VmmKind;
}

export function addHardwareOptions(command: Command): Command {
  return command
    .option(
      '-p, --publish <host:guest>',
      'forward a port, [HOSTIP:]HOST:GUEST[/udp]; host port 0 takes a free one (repeatable)',
      collect,
    )
    .option('--memory <size>', 'memory of the guest, such as 512M or 2G', '1G')
    .option('--cpus <count>', 'processors of the guest', '1')
    .option('--kernel <name>', 'kernel to use (default: the one of the disk, else the default one)')
    .addOption(
      new Option('--accel <which>', 'accelerator of QEMU')
        .choices(['auto', 'kvm', 'tcg'])
        .default('auto'),
    )
    .option(
      '--network <network>',
      'none, user, tap:NAME or bridge:NAME, then maybe ,mac=MAC ,ip=ADDRESS/PREFIX ,gateway=ADDRESS ' +
        ',dns=ADDRESS, and for user ,hostname=NAME ,restrict (repeatable: eth0, eth1; default: user)',
      collect,
    )
    .option('--verbose', 'the kernel tells what it does, and which exit code its program has')
    .addOption(
      new Option('--vmm <which>', 'what runs the machine; firecracker needs KVM')
        .choices(['qemu', 'firecracker'])
        .default('qemu'),
    );
}

export interface Hardware {
  /** Name of a kernel in the store. */
  readonly kernel?: string;
  /** In MiB. */
  readonly memory: number;
  readonly cpus: number;
  readonly accelerator: HardwareOptions['accel'];
  readonly forwards: readonly PortForward[];
  readonly networks: readonly NetworkWish[];
  readonly verbose: boolean;
  readonly vmm: VmmKind;
}

/** @throws ConvertError `USAGE`. */
export function hardwareOf({
  kernel,
  memory,
  cpus,
  accel,
  publish = [],
  network = [],
  verbose,
  vmm,
}: HardwareOptions): Hardware {
  return {
    ...(kernel !== undefined && { kernel }),
    memory: parseMemory(memory),
    cpus: parseCpus(cpus),
    accelerator: accel,
    forwards: parsePortForwards(publish),
    networks: network.map(parseNetwork),
    verbose: verbose ?? false,
    vmm,
  };
}
