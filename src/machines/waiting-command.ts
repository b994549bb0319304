import { findProgram } from '../run/find-program.ts';
import { firecrackerArguments, firecrackerProgram, noFirecracker } from '../run/firecracker.ts';
import { firecrackerConfig } from '../run/firecracker-config.ts';
import type { Machine } from '../run/machine.ts';
import { noQemu } from '../run/qemu.ts';
import { qemuArguments, qemuPrograms } from '../run/qemu-arguments.ts';
import type { VmmKind } from '../run/run-machine.ts';
import { controlNames } from './record.ts';

const doing = 'creating a machine';

/**
 * The words that start a hypervisor, in the folder of the machine, for the address of a socket must be short.
 * It waits there before the first instruction of the guest.
 * @throws ConvertError `QEMU_NOT_FOUND`, `FIRECRACKER_NOT_FOUND`, `USAGE` for what Firecracker does not have.
 */
export function waitingCommand(
  machine: Machine,
  kind: VmmKind,
  env: NodeJS.ProcessEnv,
): readonly string[] {
  const { architecture } = machine;
  if (kind === 'firecracker') {
    // What it cannot be told later is refused before anything is started.
    firecrackerConfig(machine);
    const program = findProgram(firecrackerProgram, env);
    if (program === undefined) throw noFirecracker(doing);
    return [program, ...firecrackerArguments(controlNames.firecracker)];
  }
  const program = findProgram(qemuPrograms[architecture], env);
  if (program === undefined) throw noQemu(doing, architecture);
  return [program, ...waitingArguments(machine)];
}

export function waitingArguments(machine: Machine): readonly string[] {
  return [...qemuArguments(machine, { kind: 'socket', path: controlNames.qemu }), '-S'];
}
