import { setTimeout as delay } from 'node:timers/promises';
import type { CallOptions } from '../call-options.ts';
import type { Digest } from '../digest.ts';
import { filesIn, type Inventory, sizeCounter, takeInventory } from '../graph/inventory.ts';
import { withLock } from '../leases/lock.ts';
import { nameOf } from '../names/refs.ts';
import type { StoreParts } from '../parts.ts';
import { dropNames } from './drop-names.ts';
import { evicted, type NameUse, nameUses } from './eviction.ts';
import { findGarbage, isGarbage } from './garbage.ts';
import { createMarking, type Marking } from './marks.ts';
import { createRehearsal, removeAll } from './removal.ts';
import { inRemovalOrder } from './removal-order.ts';
import { type Garbage, type GcReport, garbageOf, garbageOfName, reportOf } from './report.ts';
import { passingThings, type Thing } from './thing.ts';

export interface GcOptions extends CallOptions {
  /** True: nothing is removed, only told. */
  readonly dryRun?: boolean;
  /**
   * Milliseconds: names that were not used for so long go too. A name is used when its manifest, or
   * one that its index lists, is taken in, held or named. Blobs that came in part go after this
   * time, too, and after a day at most.
   */
  readonly olderThan?: number;
  /** Bytes of the whole store: then the names go that were used longest ago, until it is no larger. */
  readonly maxSize?: number;
  /** Names that stay, however old; `*` stands for any characters. */
  readonly keep?: readonly string[];
  /**
   * Names of artifacts that may go by age and size as names of images do; `*` stands for any
   * characters. An artifact is what has an `artifactType`; all others of them stay.
   */
  readonly evict?: readonly string[];
  /** What stays though no name may lead to it, with all that it refers to: what lock files name. */
  readonly keepDigests?: readonly Digest[];
}

/**
 * Milliseconds for which things are removed before others get to hold theirs, and milliseconds for
 * them to do so. Who was stopped for longer than his turn looks again before he removes more.
 */
const turnTime = 100;
const pause = 30;

/** Things removed before the time is looked at. */
const batchSize = 32;

/**
 * Removes what no name and no lease leads to: blobs and layers, names by age and size, and what
 * the dead left behind. Whoever holds something before he looks whether it is there keeps it, also
 * while this runs. Killed at any point it leaves everything whole that is named or held.
 *
 * Other tools hold nothing: what they are writing and have not named yet is garbage.
 * @throws StoreError `STORE_CORRUPT`, before anything is removed, when a document that is in use is
 * damaged, or the names are: what they refer to is unknown.
 */
export async function collectGarbage(parts: StoreParts, options: GcOptions): Promise<GcReport> {
  const { dryRun = false, olderThan, keepDigests, signal } = options;
  // A folder that is no store yet is not to become one.
  if (parts.files.stat(parts.layout.marker) === undefined) return reportOf(dryRun, 0, []);
  const inventory = await takeInventory(parts, options);
  const size = sizeCounter()(filesIn(inventory));
  const marking = createMarking(parts, keepDigests);

  const names = await chooseNames(parts, inventory, marking, options);
  const marks = await marking.mark(new Set(names.map(({ name }) => name)));
  const unused = await findGarbage(parts, inventory, marks, olderThan);
  signal?.throwIfAborted();

  if (dryRun) {
    const rehearse = createRehearsal();
    const removed = unused.map((thing) => garbageOf(thing, rehearse(thing)));
    return reportOf(true, size, [...names.map(({ name }) => garbageOfName(name)), ...removed]);
  }
  await parts.prepare();
  const dropped = await dropNames(parts, names, marking, options);
  const removed = await sweepUp(parts, await inRemovalOrder(parts, unused), marking, options);
  return reportOf(false, size, [...dropped.map(garbageOfName), ...removed]);
}

async function chooseNames(
  parts: StoreParts,
  inventory: Inventory,
  marking: Marking,
  options: GcOptions,
): Promise<readonly NameUse[]> {
  const { olderThan, maxSize, keepDigests = [] } = options;
  if (olderThan === undefined && maxSize === undefined) return [];
  const marks = await marking.look();
  const passing: Thing[] = [];
  for (const thing of passingThings(inventory, parts.layout)) {
    if (!(await isGarbage(parts, thing, marks, olderThan))) passing.push(thing);
  }
  const unnamed = marks.entries.filter((entry) => nameOf(entry) === undefined);
  const room = {
    roots: [...marks.held, ...keepDigests, ...unnamed.map(({ digest }) => digest)],
    inventory,
    fixed: sizeOf(passing),
  };
  return evicted(parts, nameUses(parts, marks.entries, marks.held, options), room, options);
}

/** Removes those of `things` that are still not in use when their turn comes. */
async function sweepUp(
  parts: StoreParts,
  things: readonly Thing[],
  marking: Marking,
  { olderThan, signal }: GcOptions,
): Promise<readonly Garbage[]> {
  const removed: Garbage[] = [];
  const queue = [...things].reverse();
  const removeSome = async (): Promise<void> => {
    const marks = await marking.mark();
    const end = Date.now() + turnTime;
    do {
      const batch: Thing[] = [];
      for (const thing of queue.splice(-batchSize).reverse()) {
        if (await isGarbage(parts, thing, marks, olderThan)) batch.push(thing);
      }
      const freed = await removeAll(parts.files, batch);
      for (const [at, thing] of batch.entries()) {
        const size = freed[at] ?? sizeSwept(thing);
        if (size !== undefined) removed.push(garbageOf(thing, size));
      }
    } while (queue.length > 0 && Date.now() < end);
  };
  while (queue.length > 0) {
    signal?.throwIfAborted();
    await withLock(parts.files, parts.layout.gate, removeSome);
    if (queue.length > 0) await delay(pause);
  }
  return removed;
}

/** What the dead left may have gone already, with the first write of this open store (sweep.ts). */
function sizeSwept(thing: Thing): number | undefined {
  return ['partial', 'draft', 'lease'].includes(thing.kind) ? sizeOf([thing]) : undefined;
}

function sizeOf(things: readonly Thing[]): number {
  return sizeCounter()(things.flatMap(({ files }) => files));
}
