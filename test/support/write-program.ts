import { spawnSync } from 'node:child_process';

/**
 * Writes a program that can be started at once. Linux starts no file that somebody has open for writing
 * (execve(2), ETXTBSY), and what another thread of this process starts meanwhile has what is open here, until
 * it becomes its program: so it is another process that writes.
 */
export function writeProgram(path: string, text: string): void {
  const script = 'cat >"$1" && chmod 755 "$1"';
  const { status, stderr } = spawnSync('/bin/sh', ['-c', script, 'sh', path], { input: text });
  if (status !== 0) throw new Error(`writing ${path}: ${String(stderr)}`);
}
