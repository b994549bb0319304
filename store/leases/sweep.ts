import { join } from 'node:path';
import { draftOwnerOf } from '../files/draft.ts';
import type { Files } from '../files/files.ts';
import { isAlive } from '../files/owner.ts';
import type { Layout } from '../layout.ts';
import { correctEarly } from './early.ts';
import { removeEndedLeases } from './leases.ts';
import { sweepLocks } from './lock.ts';

const day = 24 * 60 * 60 * 1000;

/** Nobody writes one file for so long without a byte. */
const draftAge = day;

/** Who meant to continue a transfer has done so by then. */
const partialAge = 7 * day;

/**
 * Removes what processes that are gone left half-written: drafts whose process is known to be dead,
 * drafts of unknown processes (of another boot, container or version) that nobody wrote to for a
 * day, partial blobs that nobody continued for a week, locks without heirs and leases that have ended.
 */
export async function sweep(files: Files, layout: Layout): Promise<void> {
  const { ingest, partials, leases } = layout;
  await sweepFolder(files, ingest, draftLifeOf);
  await sweepFolder(files, partials, async () => partialAge);
  await sweepLocks(files, leases);
  await removeEndedLeases(files, layout);
}

/** Milliseconds from its last change on after which the draft of this name goes; undefined: never. */
export async function draftLifeOf(name: string): Promise<number | undefined> {
  const owner = draftOwnerOf(name);
  const alive = owner === undefined ? undefined : await isAlive(owner);
  return alive === undefined ? draftAge : alive ? undefined : 0;
}

/** `ageOf` gives the age in ms from which on a file goes, undefined for never. */
async function sweepFolder(
  files: Files,
  folder: string,
  ageOf: (name: string) => Promise<number | undefined>,
): Promise<void> {
  for (const { name, kind } of files.list(folder) ?? []) {
    const age = kind === 'file' ? await ageOf(name) : undefined;
    if (age === undefined) continue;
    const path = join(folder, name);
    correctEarly(files, path);
    const file = files.stat(path);
    if (file === undefined || Date.now() - file.mtime < age) continue;
    // One that belongs to another user is not ours to remove, and no reason to stop.
    try {
      files.remove(path);
    } catch {}
  }
}
