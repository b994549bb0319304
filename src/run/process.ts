import { type ChildProcess, spawn } from 'node:child_process';
import { Duplex, type Readable } from 'node:stream';
import type { VmmEnd } from './end.ts';
import { findProgram } from './find-program.ts';
import { tethered } from './tether.ts';

/** A hypervisor at work: the process of one machine. */
export interface VmmProcess {
  /** What the guest writes on its console; the guest waits while nobody reads. */
  readonly console: Readable;
  /** Open both ways; descriptor 3 in the hypervisor. */
  readonly control: Duplex;
  /** Settled when the process is gone and nothing more is to come from it. */
  readonly ended: Promise<VmmExit>;
  /** Asks it to end, and ends it when `grace` milliseconds did not do. */
  readonly stop: (grace: number) => void;
  readonly kill: () => void;
}

export interface VmmExit extends VmmEnd {
  /** What the hypervisor itself said on stderr; its end. */
  readonly talk: string;
}

export const controlDescriptor = 3;

const talkCap = 64 * 1024;

/**
 * Starts a hypervisor that dies with this process.
 * @returns undefined where PATH of `env` has no such program.
 */
export function startVmm(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): VmmProcess | undefined {
  const path = findProgram(program, env);
  if (path === undefined) return undefined;
  const [file = path, ...words] = tethered([path, ...args], env);
  const child = spawn(file, words, { stdio: ['ignore', 'pipe', 'pipe', 'pipe'], env });
  const kill = (): void => {
    child.kill('SIGKILL');
  };
  // Also where it could not be tethered: most ends of a process are told to it.
  process.once('exit', kill);
  let patience: NodeJS.Timeout | undefined;
  const ended = exitOf(child).finally(() => {
    clearTimeout(patience);
    process.off('exit', kill);
  });
  return {
    console: readableOf(child.stdout),
    control: duplexOf(child.stdio[controlDescriptor]),
    ended,
    kill,
    stop: (grace) => {
      child.kill('SIGTERM');
      patience ??= setTimeout(kill, grace);
    },
  };
}

async function exitOf(child: ChildProcess): Promise<VmmExit> {
  const [exit, talk] = await Promise.all([
    new Promise<VmmExit>((resolve) => {
      // As a shell has it: found, and not started.
      child.once('error', ({ message }) => resolve({ code: 126, signal: null, talk: message }));
      child.once('close', (code, signal) => resolve({ code, signal, talk: '' }));
    }),
    talkOf(readableOf(child.stderr)),
  ]);
  return { ...exit, talk: `${exit.talk}${talk}` };
}

async function talkOf(stream: Readable): Promise<string> {
  let talk = Buffer.alloc(0);
  for await (const bytes of stream) talk = Buffer.concat([talk, bytes]).subarray(-talkCap);
  return talk.toString('utf8').trim();
}

function readableOf(stream: Readable | null): Readable {
  if (stream === null) throw new Error('a pipe of the hypervisor is missing');
  return stream;
}

/** A pipe of node is a socket that is open both ways. */
function duplexOf(stream: unknown): Duplex {
  if (!(stream instanceof Duplex)) throw new Error('the control of the hypervisor is no socket');
  // A hypervisor that has ended leaves a socket that cannot be written.
  stream.on('error', () => undefined);
  return stream;
}
