import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { portTarget } from '../run/port-answers.ts';
import type { ReadyWish } from '../run/ready.ts';
import { controlOf } from './control.ts';
import { deleteMachine } from './delete.ts';
import { type FoundMachine, findMachine, stateOf } from './find-machine.ts';
import type { MachineId } from './machine-id.ts';
import { fileNames, type KeptVmm } from './record.ts';
import { runHooks } from './run-hook.ts';
import type { MachineState } from './state.ts';
import { waitUntilReady } from './wait-ready.ts';
import { wrongStatus } from './wrong-status.ts';

export interface StartOptions {
  /** Told of poststop hooks that fail. */
  readonly onWarning: (text: string) => void;
  /** What to wait for when it runs. */
  readonly ready?: ReadyWish;
  /** Ends the waiting. */
  readonly signal?: AbortSignal;
}

const doing = 'starting';

/**
 * Lets the guest of a created machine go. A poststart hook that fails ends and removes the machine, as the
 * spec has it (runtime.md, "Lifecycle", step 9).
 * @throws ConvertError `MACHINE_NOT_FOUND`; `MACHINE_STATE` unless it is created; `HOOK_FAILED`;
 * `MACHINE_NOT_READY`; `QEMU_FAILED`, `FIRECRACKER_FAILED`; `USAGE` for a port that cannot be reached.
 */
export async function startMachine(
  root: string,
  id: MachineId,
  { onWarning, ready, signal }: StartOptions,
): Promise<MachineState> {
  const found = await findMachine(root, id, doing);
  const { status, record } = found;
  if (status !== 'created' || record.vmm === undefined)
    throw wrongStatus(doing, found, ['created']);
  const target = ready?.port === undefined ? undefined : portTarget(record.vmm.machine, ready.port);
  await letGo(found, record.vmm);
  try {
    await runHooks('poststart', record.hooks.poststart, stateOf({ ...found, status: 'running' }));
  } catch (error) {
    await deleteMachine(root, id, { force: true, onWarning });
    throw error;
  }
  if (ready !== undefined) await waitUntilReady(root, found, ready, target, signal);
  return stateOf(await findMachine(root, id, doing));
}

/** QEMU talks to one at a time, Firecracker starts once: of two who start a machine, one finds it running. */
async function letGo({ id, folder }: FoundMachine, { kind }: KeptVmm): Promise<void> {
  const control = await controlOf(folder, kind);
  const refuseRunning = async (): Promise<void> => {
    if (await control.isRunning()) throw wrongStatus(doing, { id, status: 'running' }, ['created']);
  };
  try {
    await refuseRunning();
    await control.letGo().catch(async (error: unknown) => {
      await refuseRunning();
      throw error;
    });
    await writeFile(join(folder, fileNames.started), '');
  } finally {
    await control.close();
  }
}
