import { spawn } from 'node:child_process';
import { delimiter } from 'node:path';
import { findProgram } from './find-program.ts';
import { tethered } from './tether.ts';

/** Where Debian has what is for administrators; PATH of others leaves it out. */
const systemFolders = ['/usr/sbin', '/sbin'];

export function findSystemProgram(name: string, env: NodeJS.ProcessEnv): string | undefined {
  const path = [env['PATH'] ?? '', ...systemFolders].join(delimiter);
  return findProgram(name, { PATH: path });
}

export interface ToolEnd {
  /** As a shell has it for one that was killed or could not be started: 126 and more. */
  readonly code: number;
  /** The end of what it said. */
  readonly talk: string;
}

const talkCap = 2000;

/** Runs a program to its end, with which it also dies. @throws the signal's reason. */
export async function runTool(
  program: string,
  args: readonly string[],
  { env, signal }: { readonly env: NodeJS.ProcessEnv; readonly signal?: AbortSignal },
): Promise<ToolEnd> {
  signal?.throwIfAborted();
  const [file = program, ...words] = tethered([program, ...args], env);
  const child = spawn(file, words, { stdio: ['ignore', 'pipe', 'pipe'], env });
  const kill = (): boolean => child.kill('SIGKILL');
  signal?.addEventListener('abort', kill, { once: true });
  let talk = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      talk = `${talk}${text}`.slice(-talkCap);
    });
  }
  const code = await new Promise<number>((resolve) => {
    child.once('error', ({ message }) => {
      talk = message;
      resolve(126);
    });
    child.once('close', (exit) => resolve(exit ?? 137));
  });
  signal?.removeEventListener('abort', kill);
  signal?.throwIfAborted();
  return { code, talk: talk.trim() };
}
