import { setTimeout as delay } from 'node:timers/promises';
import { isAlive } from '../../store/processes.ts';
import { errorCodeOf } from '../error.ts';
import { vmmFailure } from '../run/vmm-failure.ts';
import { readTalk, readVmmEnd } from './read-end.ts';
import type { Supervised } from './supervise.ts';

/** Milliseconds in which a hypervisor is gone that no longer answers. */
const moment = 1000;

/** Whether a failure is that a hypervisor ended, be it one that was not even seen. */
export async function isItsEnd(
  error: unknown,
  supervised: Supervised | undefined,
): Promise<boolean> {
  if (vmmCodeOf(error) === undefined) return false;
  if (supervised === undefined) return true;
  const deadline = Date.now() + moment;
  while (await isAlive(supervised.hypervisor)) {
    if (Date.now() > deadline) return false;
    await delay(20);
  }
  return true;
}

/** What a hypervisor said before it ended, and how it did, tell more than that it no longer answered. */
export async function endError(folder: string, program: string, cause: unknown): Promise<unknown> {
  const [code, exit] = [vmmCodeOf(cause), await readVmmEnd(folder)];
  if (code === undefined || exit === undefined) return cause;
  const talk = await readTalk(folder);
  return vmmFailure(code, 'starting', program, { ...exit, talk }, cause);
}

function vmmCodeOf(error: unknown): 'QEMU_FAILED' | 'FIRECRACKER_FAILED' | undefined {
  const code = errorCodeOf(error);
  return code === 'QEMU_FAILED' || code === 'FIRECRACKER_FAILED' ? code : undefined;
}
