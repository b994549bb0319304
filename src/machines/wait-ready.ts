import { createConsoleTail } from '../run/console-tail.ts';
import type { PortTarget } from '../run/port-answers.ts';
import { notReady, type ReadyWish, untilReady } from '../run/ready.ts';
import type { Vmm } from '../run/vmm.ts';
import { controlOf } from './control.ts';
import type { FoundMachine } from './find-machine.ts';
import { readLog } from './logs.ts';
import type { MachineRecord } from './record.ts';
import { waitForMachine } from './wait.ts';

/**
 * Waits until a machine that runs gives the signs that it is ready; it is left as it is when it does not.
 * @throws ConvertError `MACHINE_NOT_READY` when it does not in time, or ends before; the reason of `signal`.
 */
export async function waitUntilReady(
  root: string,
  { id, folder, record }: Pick<FoundMachine, 'id' | 'folder' | 'record'>,
  ready: ReadyWish,
  target: PortTarget | undefined,
  signal?: AbortSignal,
): Promise<void> {
  const quit = new AbortController();
  const over = new AbortController();
  const giveUp = (): void => quit.abort();
  signal?.addEventListener('abort', giveUp, { once: true });
  if (signal?.aborted) giveUp();
  const tail = createConsoleTail();
  // Both end with the machine, also when it is deleted; the console then is read to its end.
  const work = Promise.all([
    waitForMachine(root, id, { signal: quit.signal }).catch(() => undefined),
    readTo(tail.take, readLog(root, id, { follow: true, signal: quit.signal })),
  ]).then(() => over.abort());
  try {
    const waiting = { ready, target, tail, onReady: () => undefined };
    const isReady = await untilReady(monitorOf(folder, record), waiting, over.signal);
    signal?.throwIfAborted();
    if (!isReady) throw notReady('its end', tail);
  } finally {
    signal?.removeEventListener('abort', giveUp);
    giveUp();
    await work;
  }
}

async function readTo(
  take: (piece: Uint8Array) => void,
  pieces: AsyncIterable<Uint8Array>,
): Promise<void> {
  try {
    for await (const piece of pieces) take(piece);
  } catch {
    // Given up, or deleted.
  }
}

/** A hypervisor that is gone has no connections; who waits for one is told of its end. */
function monitorOf(folder: string, { vmm }: MachineRecord): Pick<Vmm, 'userNetwork'> {
  return {
    async userNetwork() {
      if (vmm === undefined) return '';
      try {
        const control = await controlOf(folder, vmm.kind);
        try {
          return await control.userNetwork();
        } finally {
          await control.close();
        }
      } catch {
        return '';
      }
    },
  };
}
