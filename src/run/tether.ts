import { spawnSync } from 'node:child_process';
import { findProgram } from './find-program.ts';

/**
 * The words that start `command` so that the kernel kills it when this process dies, however it dies
 * (prctl(2), PR_SET_PDEATHSIG). Node cannot ask for that, but setpriv(1) of util-linux can, and then becomes
 * the command, with the same process id. Without one the command is started as it is, and outlives a
 * process that is killed.
 */
export function tethered(command: readonly string[], env: NodeJS.ProcessEnv): readonly string[] {
  const setpriv = findProgram('setpriv', env);
  return setpriv !== undefined && canTether(setpriv)
    ? [setpriv, '--pdeathsig', 'KILL', '--', ...command]
    : command;
}

/** Those of busybox, and of util-linux before 2.33, cannot. */
function canTether(setpriv: string): boolean {
  const { stdout } = spawnSync(setpriv, ['--help'], { encoding: 'utf8', timeout: 5000 });
  return typeof stdout === 'string' && stdout.includes('--pdeathsig');
}
