import { type ConsoleTail, createConsoleTail } from './console-tail.ts';
import { type EndSigns, endOf, type GuestEnd } from './end.ts';
import { startFirecracker } from './firecracker.ts';
import type { Machine } from './machine.ts';
import { portTarget } from './port-answers.ts';
import { startQemu } from './qemu.ts';
import { notReady, type ReadyWish, unlessOver, untilReady } from './ready.ts';
import type { Vmm } from './vmm.ts';

export interface RunOptions {
  /** What the guest writes on its console; the guest waits while a returned promise is pending. */
  readonly onOutput: (bytes: Uint8Array) => void | Promise<void>;
  /** `qemu` when absent. */
  readonly vmm?: VmmKind;
  /** When the guest counts as ready; `onReady` is told then, with milliseconds since the start. */
  readonly ready?: ReadyWish;
  readonly onReady?: (milliseconds: number) => void;
  /** Ends the machine after as many milliseconds. */
  readonly timeout?: number;
  /** Ends the machine. */
  readonly signal?: AbortSignal;
  /** Milliseconds between asking the hypervisor to end and ending it; 5000 when absent. */
  readonly grace?: number;
  /** In whose PATH the hypervisor is looked for. */
  readonly env?: NodeJS.ProcessEnv;
}

export type VmmKind = 'qemu' | 'firecracker';

export interface MachineEnd {
  readonly end: GuestEnd;
  /** Of the console. */
  readonly lastLines: readonly string[];
}

const defaultGrace = 5000;

/**
 * Runs a machine until its guest ends, its time is over or `signal` aborts. No process outlives the call;
 * nor this process, where setpriv(1) is there or it is not killed.
 * @throws ConvertError `QEMU_NOT_FOUND`, `QEMU_FAILED`, `FIRECRACKER_NOT_FOUND`, `FIRECRACKER_FAILED`;
 * `MACHINE_NOT_READY` when it is not ready in time, or ends before; `USAGE` for a port that cannot be
 * reached, and for what Firecracker does not have; what `onOutput` throws.
 */
export async function runMachine(machine: Machine, options: RunOptions): Promise<MachineEnd> {
  const { ready, signal, env = process.env, grace = defaultGrace, timeout } = options;
  signal?.throwIfAborted();
  const target = ready?.port === undefined ? undefined : portTarget(machine, ready.port);
  const vmm =
    options.vmm === 'firecracker'
      ? await startFirecracker(machine, env)
      : await startQemu(machine, env);
  let asked: EndSigns['asked'];
  const stop = (why: typeof asked): void => {
    asked ??= why;
    vmm.process.stop(grace);
  };
  const onAbort = (): void => stop('kill');
  const clock = timeout === undefined ? undefined : setTimeout(() => stop('time-out'), timeout);
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted) onAbort();
  const tail = createConsoleTail();
  const over = new AbortController();
  const began = performance.now();
  const tell = (): void => options.onReady?.(performance.now() - began);
  try {
    const begun = unlessOver(vmm.begin(over.signal), over.signal);
    const [exit, isReady] = await Promise.all([
      vmm.process.ended.finally(() => over.abort()),
      ready === undefined ||
        begun.then(() => untilReady(vmm, { ready, target, tail, onReady: tell }, over.signal)),
      forward(vmm, tail, options.onOutput),
      begun,
    ]);
    const end = endOf({
      console: tail.bytes(),
      vmm: exit,
      talk: exit.talk,
      ...(asked && { asked }),
    });
    if (asked === undefined) {
      if (end.how === 'failed' || end.how === 'killed' || !vmm.isKnown()) throw vmm.failure(exit);
      if (!isReady) throw notReady('its end', tail);
    }
    return { end, lastLines: tail.lastLines() };
  } catch (error) {
    vmm.process.kill();
    await vmm.process.ended.catch(() => undefined);
    throw error;
  } finally {
    clearTimeout(clock);
    signal?.removeEventListener('abort', onAbort);
    await vmm.dispose();
  }
}

async function forward(
  { process }: Vmm,
  tail: ConsoleTail,
  onOutput: RunOptions['onOutput'],
): Promise<void> {
  for await (const bytes of process.console) {
    tail.take(bytes);
    await onOutput(bytes);
  }
}
