import { setTimeout as delay } from 'node:timers/promises';
import { ConvertError } from '../error.ts';
import { findMachine, livesOn } from './find-machine.ts';
import { removeFolder, sweep } from './folders.ts';
import { send } from './kill.ts';
import type { MachineId } from './machine-id.ts';
import type { MachineRecord } from './record.ts';
import { runPoststop } from './run-hook.ts';
import { endServers, forgetServers } from './shares.ts';
import { describeState } from './state.ts';
import { wrongStatus } from './wrong-status.ts';

export interface DeleteOptions {
  /** Kills a machine that is created or running first. */
  readonly force?: boolean;
  /** Told of poststop hooks that fail, which the spec has go by. */
  readonly onWarning: (text: string) => void;
}

/** Milliseconds in which a killed process is gone. */
const patience = 30_000;

/**
 * Removes a machine that is stopped, and all that was made for it.
 * @throws ConvertError `MACHINE_NOT_FOUND`; `MACHINE_STATE` when it is not stopped.
 */
export async function deleteMachine(
  root: string,
  id: MachineId,
  { force = false, onWarning }: DeleteOptions,
): Promise<void> {
  const doing = 'deleting';
  const found = await findMachine(root, id, doing);
  const { status, record, folder } = found;
  if (status === 'creating' || (status !== 'stopped' && !force)) {
    throw wrongStatus(doing, found, ['stopped']);
  }
  if (status !== 'stopped' && record.vmm !== undefined) await send(record.vmm, 'SIGKILL');
  await endProcesses(record);
  await forgetServers(folder);
  if (!(await removeFolder(root, record))) await findMachine(root, id, doing);
  const { vmm: _gone, ...rest } = record;
  const state = describeState(rest, 'stopped', folder, found.end);
  await runPoststop(record.hooks, state, onWarning);
  await sweep(root);
}

/** Also of a machine whose creation was cut off in its last step. */
async function endProcesses(record: MachineRecord): Promise<void> {
  const { vmm } = record;
  if (vmm === undefined) return;
  const deadline = Date.now() + patience;
  while ((await endServers(vmm)) || (await livesOn(record))) {
    await send(vmm, 'SIGKILL');
    if (Date.now() > deadline) {
      throw new ConvertError(
        'MACHINE_STATE',
        `deleting machine ${record.id}: found process ${vmm.hypervisor.pid} alive ${patience} ms after it was killed, wanted it gone`,
        { hint: `ps -o pid,stat,wchan,args ${vmm.hypervisor.pid}` },
      );
    }
    await delay(20);
  }
}
