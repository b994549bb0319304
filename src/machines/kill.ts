import { constants } from 'node:os';
import { isAlive } from '../../store/processes.ts';
import { ConvertError } from '../error.ts';
import type { GuestEnd } from '../run/end.ts';
import { findMachine } from './find-machine.ts';
import type { MachineId } from './machine-id.ts';
import type { KeptVmm } from './record.ts';
import { waitForMachine } from './wait.ts';
import { wrongStatus } from './wrong-status.ts';

/** Reads `TERM`, `SIGTERM` or `15`; `id` is the machine that is to get it. @throws ConvertError `USAGE`. */
export function parseSignal(text: string, id = 'ID'): NodeJS.Signals {
  const known = Object.entries(constants.signals);
  const name = text.toUpperCase().replace(/^(?:SIG)?/, 'SIG');
  const found = known.find(([one, number]) => one === name || String(number) === text);
  if (found !== undefined) return found[0] as NodeJS.Signals;
  throw new ConvertError(
    'USAGE',
    `reading a signal: found ${JSON.stringify(text.slice(0, 40))}, wanted a name or number of kill -l`,
    { hint: `osv-convert kill ${id} KILL` },
  );
}

/**
 * Sends a signal to the hypervisor of a machine. OSv takes no signals of its host, nor its power button
 * (measured); QEMU ends in good order at TERM, INT and HUP, and all at once at KILL.
 * @throws ConvertError `MACHINE_NOT_FOUND`; `MACHINE_STATE` unless it is created or running.
 */
export async function killMachine(
  root: string,
  id: MachineId,
  signal: NodeJS.Signals,
): Promise<void> {
  const doing = 'killing';
  const found = await findMachine(root, id, doing);
  const { vmm } = found.record;
  if ((found.status !== 'created' && found.status !== 'running') || vmm === undefined) {
    throw wrongStatus(doing, found, ['created', 'running']);
  }
  if (!(await send(vmm, signal)))
    throw wrongStatus(doing, { id, status: 'stopped' }, ['created', 'running']);
}

/** Asks a machine to end, and ends it after `grace` milliseconds; one that is stopped is left as it is. */
export async function stopMachine(root: string, id: MachineId, grace: number): Promise<GuestEnd> {
  const { status, record } = await findMachine(root, id, 'stopping');
  if (status === 'creating') throw wrongStatus('stopping', { id, status }, ['created', 'running']);
  if (status !== 'stopped' && record.vmm !== undefined) {
    await send(record.vmm, 'SIGTERM');
    const end = await waitForMachine(root, id, { patience: grace });
    if (end !== undefined) return end;
    await send(record.vmm, 'SIGKILL');
  }
  const end = await waitForMachine(root, id);
  return end ?? { how: 'unknown' };
}

/**
 * False when the hypervisor is gone.
 * @throws ConvertError `MACHINE_STATE` for one of another container: its number is another process's here.
 */
export async function send({ hypervisor }: KeptVmm, signal: NodeJS.Signals): Promise<boolean> {
  const lives = await isAlive(hypervisor);
  if (lives === undefined) {
    throw new ConvertError(
      'MACHINE_STATE',
      `sending ${signal} to process ${hypervisor.pid}: found it in another container, wanted it here`,
      { hint: 'run the command where the machine was created' },
    );
  }
  try {
    return lives && process.kill(hypervisor.pid, signal);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false;
    throw error;
  }
}
