import { ConvertError } from '../error.ts';
import {
  askFirecracker,
  callFirecracker,
  firecrackerCalls,
  instanceStart,
} from '../run/firecracker-api.ts';
import { firecrackerConfig } from '../run/firecracker-config.ts';
import type { QmpOptions } from '../run/qmp.ts';
import type { Control } from './control.ts';
import { someoneListens } from './listener.ts';

/** Milliseconds for an answer: a busy host takes long. */
const usualPatience = 10_000;

/**
 * The API of a Firecracker, which takes each call on a connection of its own.
 * @throws ConvertError `FIRECRACKER_FAILED` when nobody listens, as all its functions do.
 */
export async function connectFirecracker(
  path: string,
  { timeout = usualPatience }: QmpOptions,
): Promise<Control> {
  if (!(await someoneListens(path))) {
    throw new ConvertError(
      'FIRECRACKER_FAILED',
      'connecting to Firecracker: found nobody on its socket, wanted its API',
    );
  }
  const inTime = (): AbortSignal => AbortSignal.timeout(timeout);
  return {
    async handOver(machine) {
      await callFirecracker(path, firecrackerCalls(firecrackerConfig(machine)), inTime());
    },
    isRunning: async () => (await askFirecracker(path, inTime())) !== 'Not started',
    letGo: async () => await callFirecracker(path, [instanceStart], inTime()),
    userNetwork: async () => '',
    // It has no networks with any.
    ports: async (forwards) => forwards,
    close: async () => undefined,
  };
}
