import { setTimeout as delay } from 'node:timers/promises';
import type { GuestEnd } from '../run/end.ts';
import { findMachine, hypervisorLivesIn, livesOn } from './find-machine.ts';
import type { MachineId } from './machine-id.ts';

export interface WaitOptions {
  /** Milliseconds; for ever when absent. */
  readonly patience?: number;
  readonly signal?: AbortSignal;
}

const interval = 100;

/**
 * Waits for the end of a machine.
 * @returns how it ended; undefined when it has not in time.
 * @throws ConvertError `MACHINE_NOT_FOUND`, also when it is deleted meanwhile; the reason of `signal`.
 */
export async function waitForMachine(
  root: string,
  id: MachineId,
  { patience = Number.POSITIVE_INFINITY, signal }: WaitOptions = {},
): Promise<GuestEnd | undefined> {
  const deadline = Date.now() + patience;
  for (;;) {
    signal?.throwIfAborted();
    const { status, end, record, folder } = await findMachine(root, id, 'waiting for');
    // The end is told only when it was noted.
    if (status === 'stopped' && !(await livesOn(record))) {
      return (await findMachine(root, id, 'waiting for')).end ?? end;
    }
    do {
      if (Date.now() >= deadline) return undefined;
      await delay(Math.min(interval, deadline - Date.now()), undefined, signal && { signal });
    } while (await hypervisorLivesIn(folder, record));
  }
}
