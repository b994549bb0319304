import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ConvertError } from '../error.ts';
import { callFirecracker, firecrackerCalls, instanceStart } from './firecracker-api.ts';
import { firecrackerConfig } from './firecracker-config.ts';
import type { Machine } from './machine.ts';
import { startVmm } from './process.ts';
import type { Vmm } from './vmm.ts';
import { vmmFailure } from './vmm-failure.ts';
import { makeTemporaryFolder } from './work-folder.ts';

export const firecrackerProgram = 'firecracker';

/** Milliseconds for all calls: each is short. */
const patience = 60_000;

/**
 * Starts Firecracker with a socket for its API in a folder of its own, so that the command line of the
 * kernel, which is secret, is in no file.
 * @throws ConvertError `FIRECRACKER_NOT_FOUND`, those of `firecrackerConfig`.
 */
export async function startFirecracker(machine: Machine, env: NodeJS.ProcessEnv): Promise<Vmm> {
  const calls = firecrackerCalls(firecrackerConfig(machine));
  const folder = await makeTemporaryFolder();
  const dispose = (): Promise<void> => rm(folder, { recursive: true, force: true });
  const socket = join(folder, 'api');
  const started = startVmm(firecrackerProgram, firecrackerArguments(socket), env);
  if (started === undefined) {
    await dispose();
    throw noFirecracker('starting the machine');
  }
  let isKnown = false;
  return {
    process: started,
    begin: async (over) => {
      const inTime = AbortSignal.any([over, AbortSignal.timeout(patience)]);
      await callFirecracker(socket, calls, inTime);
      isKnown = true;
      await callFirecracker(socket, [instanceStart], inTime);
    },
    isKnown: () => isKnown,
    userNetwork: async () => '',
    failure: (exit) => vmmFailure('FIRECRACKER_FAILED', 'running', firecrackerProgram, exit),
    dispose,
  };
}

export function noFirecracker(doing: string): ConvertError {
  return new ConvertError(
    'FIRECRACKER_NOT_FOUND',
    `${doing}: found no ${firecrackerProgram} on PATH, wanted it`,
    { hint: 'install it from its releases, or use QEMU: --vmm qemu' },
  );
}

/** Its log is on stdout, among what the guest says: only errors are wanted there. */
export function firecrackerArguments(socket: string): string[] {
  return ['--api-sock', socket, '--level', 'Error'];
}
