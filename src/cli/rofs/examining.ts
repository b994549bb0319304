import { setImmediate as turn } from 'node:timers/promises';
import type { Command } from 'commander';
import type { SyncAccess } from '../../tree/access.ts';
import type { Session } from '../session.ts';

/** What every command below `rofs` takes first. */
export const fileArgument = ['<file>', 'the file of a disk or a ROFS'] as const;

/** Opens the ROFS of the disk at `path` for `use`. */
export async function withRofs(
  command: Command,
  path: string,
  use: (rofs: SyncAccess, session: Session) => Promise<void>,
): Promise<void> {
  const { openDisk } = await import('../../disk/open-disk.ts');
  const { withSession } = await import('../session.ts');
  await withSession(command, async (session) => {
    const disk = await openDisk(path);
    try {
      await use(disk.rofs, session);
    } finally {
      disk.close();
    }
  });
}

/** Writes the parts of a result; Ctrl-C is heard between two of them. */
export async function writeParts(
  { signal, write }: Session,
  parts: Iterable<string | Uint8Array>,
): Promise<void> {
  for (const part of parts) {
    await turn();
    signal.throwIfAborted();
    await write(part);
  }
}

/** `0x600`. */
export function hexOf(offset: number): string {
  return `0x${offset.toString(16)}`;
}
