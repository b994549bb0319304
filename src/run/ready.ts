import { setTimeout as pause } from 'node:timers/promises';
import { ConvertError } from '../error.ts';
import { type ConsoleTail, saidLast } from './console-tail.ts';
import { type PortTarget, untilPortAnswers } from './port-answers.ts';
import type { Vmm } from './vmm.ts';

/** How it is known that a guest does its work. Both must hold where both are given. */
export interface ReadyWish {
  /** A text in one line of the console. */
  readonly line?: string;
  /** A TCP port of the guest that takes connections. */
  readonly port?: number;
  /** Milliseconds it may take. */
  readonly timeout: number;
}

interface Waiting {
  readonly ready: ReadyWish;
  readonly target: PortTarget | undefined;
  readonly tail: ConsoleTail;
  readonly onReady: () => void;
}

/**
 * Waits for the signs that a guest does its work.
 * @returns false when it ended before: when `over` aborted.
 * @throws ConvertError `MACHINE_NOT_READY` when it takes too long, those of `vmm`.
 */
export async function untilReady(
  vmm: Pick<Vmm, 'userNetwork'>,
  { ready, target, tail, onReady }: Waiting,
  over: AbortSignal,
): Promise<boolean> {
  const { line, timeout } = ready;
  const signs = Promise.all([
    line === undefined ? undefined : tail.sees(line),
    target === undefined ? undefined : unlessOver(untilPortAnswers(vmm, target, over), over),
  ]);
  // What comes of them when the time was over is of no interest.
  signs.catch(() => undefined);
  const late = pause(timeout, 'late', { signal: over }).catch(() => 'over' as const);
  const first = await Promise.race([signs, late]);
  if (first === 'late') throw notReady(`no sign of it in ${timeout / 1000} s`, tail);
  if (first === 'over' || over.aborted) return false;
  onReady();
  return true;
}

export function notReady(found: string, tail: ConsoleTail): ConvertError {
  return new ConvertError(
    'MACHINE_NOT_READY',
    `waiting until the guest is ready: found ${found}, wanted the sign asked for${saidLast(tail.lastLines())}`,
  );
}

/** Milliseconds in which the end of a hypervisor is noticed. */
const endPatience = 1000;

/** A hypervisor that ends breaks off what was said to it: how it ended tells more than that. */
export async function unlessOver<T>(talk: Promise<T>, over: AbortSignal): Promise<T | undefined> {
  try {
    return await talk;
  } catch (error) {
    await pause(endPatience, undefined, { signal: over }).catch(() => undefined);
    if (over.aborted) return undefined;
    throw error;
  }
}
