import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { draftOwnerOf } from './draft.ts';
import { ifPresent, storing } from './io-error.ts';
import type { Layout } from './layout.ts';
import { sweepLocks } from './lock.ts';
import { isAlive } from './owner.ts';

const day = 24 * 60 * 60 * 1000;

/** Nobody writes one file for so long without a byte. */
const draftAge = day;

/** Who meant to continue a transfer has done so by then. */
const partialAge = 7 * day;

/**
 * Removes what processes that are gone left half-written: drafts whose process is known to be dead,
 * drafts of unknown processes (of another boot, container or version) that nobody wrote to for a
 * day, partial blobs that nobody continued for a week, and locks without heirs.
 */
export async function sweep({ ingest, partials, leases }: Layout): Promise<void> {
  await sweepFolder(ingest, async (name) => {
    const owner = draftOwnerOf(name);
    const alive = owner === undefined ? undefined : await isAlive(owner);
    return alive === undefined ? draftAge : alive ? undefined : 0;
  });
  await sweepFolder(partials, async () => partialAge);
  await storing(leases, () => sweepLocks(leases));
}

/** `ageOf` gives the age in ms from which on a file goes, undefined for never. */
async function sweepFolder(
  folder: string,
  ageOf: (name: string) => Promise<number | undefined>,
): Promise<void> {
  const entries = await ifPresent(folder, () => readdir(folder, { withFileTypes: true }));
  for (const entry of entries ?? []) {
    const age = entry.isFile() ? await ageOf(entry.name) : undefined;
    if (age === undefined) continue;
    const path = join(folder, entry.name);
    const file = await ifPresent(path, () => stat(path));
    if (file !== undefined && Date.now() - file.mtimeMs >= age) {
      // One that belongs to another user is not ours to remove, and no reason to stop.
      await rm(path, { force: true }).catch(() => undefined);
    }
  }
}
