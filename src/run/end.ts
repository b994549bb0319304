import { constants } from 'node:os';

/** How a hypervisor ended: by `signal`, or with `code`. */
export interface VmmEnd {
  readonly code: number | null;
  readonly signal: string | null;
}

/** What tells how a guest ended. */
export interface EndSigns {
  /** The last that stood on its console; 64 KiB are plenty. */
  readonly console: Uint8Array;
  /** Absent when nobody saw the hypervisor end. */
  readonly vmm?: VmmEnd;
  /** The last that the hypervisor itself said. */
  readonly talk?: string;
  /** Why we ended it, if it was us. */
  readonly asked?: 'kill' | 'time-out';
  /** The folder whose server was lost, for which the hypervisor was killed. */
  readonly lost?: string;
}

/** How a guest ended. */
export type GuestEnd =
  /** `exitCode` of the program, where the console tells it. */
  | { readonly how: 'powered-off'; readonly exitCode?: number }
  /** `reason` is a line of the console. */
  | { readonly how: 'aborted'; readonly reason: string }
  | { readonly how: 'killed'; readonly signal?: string }
  | { readonly how: 'timed-out' }
  /** The server of this folder ended, for which the guest would have waited for ever. */
  | { readonly how: 'share-lost'; readonly folder: string }
  /** The hypervisor itself failed. */
  | { readonly how: 'failed'; readonly exitCode: number }
  /** Nothing is left that tells, as after a reset of the host. */
  | { readonly how: 'unknown' };

/**
 * Tells how a guest ended. OSv's hosts learn it from its console alone: it powers off in the same way after
 * a program that returned, one that failed, and an abort. A program may print these words, too; so the
 * answer is as good as the program is honest.
 */
export function endOf({ console, vmm, talk = '', asked, lost }: EndSigns): GuestEnd {
  const lines = Buffer.from(console).toString('latin1').split(/\r?\n/);
  const reason = abortIn(lines);
  if (reason !== undefined) return { how: 'aborted', reason };
  if (asked === 'time-out') return { how: 'timed-out' };
  if (lost !== undefined && vmm?.signal === 'SIGKILL' && signalIn(talk) === undefined) {
    return { how: 'share-lost', folder: lost };
  }
  const signal = signalOf(vmm, talk);
  if (signal !== undefined) return { how: 'killed', signal };
  if (asked === 'kill') return { how: 'killed' };
  if (vmm === undefined || vmm.code === null) return { how: 'unknown' };
  if (vmm.code !== 0) return { how: 'failed', exitCode: vmm.code };
  const exitCode = exitCodeIn(lines);
  return { how: 'powered-off', ...(exitCode !== undefined && { exitCode }) };
}

const longestReason = 400;

/** Lines that say why, of those before `Aborted`: faults, asserts, missing functions, memory, C++. */
const reasons =
  /^(?:Assertion failed: |page fault outside application|general protection fault|trap \w+|Out of memory|terminate called|.*: failed looking up symbol )/;

/** abort() of OSv says `Aborted`, or its reason, and then `[backtrace]` (core/power, runtime.cc). */
function abortIn(lines: readonly string[]): string | undefined {
  const at = lines.findLastIndex((line) => line === '[backtrace]' || line === 'Aborted');
  const why = at === -1 ? undefined : lines.slice(0, at).findLast((line) => reasons.test(line));
  const unloaded = lines.findLast((line) =>
    /^Failed to (?:load object|parse command line)/.test(line),
  );
  return (why ?? (at === -1 ? unloaded : 'Aborted'))?.slice(0, longestReason);
}

/** `program /app/x returned 3`, which OSv prints with `--verbose`, and for no other code than 0 (core/app.cc). */
function exitCodeIn(lines: readonly string[]): number | undefined {
  const line = lines.findLast((text) => /^program \S+ returned -?\d{1,10}$/.test(text));
  return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(' ') + 1));
}

/** What ended a hypervisor that said `talk`. */
export function signalOf(vmm: VmmEnd | undefined, talk: string): string | undefined {
  return vmm?.signal ?? signalIn(talk);
}

/** QEMU that is sent a signal ends with exit code 0, and says so. */
function signalIn(talk: string): string | undefined {
  const [, number] = /terminating on signal (\d+)/.exec(talk) ?? [];
  return number === undefined ? undefined : signalName(Number(number));
}

/** `SIGTERM` for 15; undefined for what is no signal. */
export function signalName(number: number): string | undefined {
  return Object.entries(constants.signals).find(([, one]) => one === number)?.[0];
}
