import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';

export type Shell = ChildProcessByStdio<Writable, Readable, null>;

/** A shell at work. */
export interface StartedShell {
  readonly shell: Shell;
  /** Settled when it is gone, or was never there. */
  readonly gone: Promise<void>;
}

/** Starts a shell in `folder`, that of a machine. The words are arguments of the script; none is ever read as one. */
export function startShell(folder: string, script: string, words: readonly string[]): StartedShell {
  const shell = spawn('/bin/sh', ['-c', script, 'osv-convert', ...words], {
    cwd: folder,
    // A session of its own: the terminal's end and its signals are not for the machine.
    detached: true,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  shell.stdin.on('error', () => undefined);
  const gone = new Promise<void>((resolve) => {
    shell.once('exit', () => resolve()).once('error', () => resolve());
  });
  return { shell, gone };
}
