import { resolve } from 'node:path';
import type { BootOptions } from '../boot.ts';
import { machineOf } from '../disk-output.ts';
import { planData, readyVolumes } from '../volumes.ts';
import type { Data } from './data-options.ts';
import { formatBytes } from './format.ts';
import type { Session } from './session.ts';

/** The beginning of the names of volumes for an image: in the working directory, whatever its tag. */
export function volumeBaseOf(reference: string): string {
  const name = reference.replace(/^(?:oci|oci-archive|docker-archive|store):/, '');
  return resolve(machineOf(name).name);
}

/**
 * What a machine of `disk` brings, ready for it. With `dryRun` nothing is made and nothing mended.
 * @throws ConvertError as `planData` and `readyVolumes`.
 */
export async function machineDataOf(
  { onEvent, signal }: Session,
  disk: string,
  data: Data & { readonly base?: string },
  dryRun: boolean,
): Promise<Required<Pick<BootOptions, 'disks' | 'shares'>>> {
  const { volumes, shares } = await planData(disk, data);
  if (!dryRun) {
    await readyVolumes(volumes, {
      env: process.env,
      signal,
      onWarning: (text) => onEvent({ event: 'warning', text }),
      onMade: ({ path, file, size = 0 }) => {
        const text = `made the volume ${file} (${formatBytes(size)}) for ${path}; it stays`;
        onEvent({ event: 'stage', text });
      },
    });
    for (const { path } of volumes) {
      const text = `${path} is kept as far as the app flushes it (fsync) or ends by itself: a machine that is killed loses the rest`;
      onEvent({ event: 'stage', text });
    }
  }
  return { disks: volumes.map(({ file }) => ({ path: file, format: 'raw' })), shares };
}
