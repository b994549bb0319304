import { basename, join, sep } from 'node:path';
import { parseDiffID } from '../digest.ts';
import type { Inventory } from '../graph/inventory.ts';
import { isOlderVersion } from '../layout.ts';
import { isLocked } from '../leases/lock.ts';
import { draftLifeOf } from '../leases/sweep.ts';
import type { StoreParts } from '../parts.ts';
import type { Marks } from './marks.ts';
import { type Thing, thingsBeside } from './thing.ts';

const day = 24 * 60 * 60_000;

/** Who wanted to know what was wrong with it has looked by then. */
const quarantineLife = 7 * day;

/** Less than `sweep`, which nobody asked for room, leaves them. */
const partialLife = day;

/** A lease file that cannot be read is not one of a newer version that just came. */
const unreadableLeaseLife = day;

/** Everything that nothing uses; see `isGarbage`. */
export async function findGarbage(
  parts: Pick<StoreParts, 'files' | 'layout'>,
  inventory: Inventory,
  marks: Marks,
  olderThan: number | undefined,
): Promise<readonly Thing[]> {
  const garbage: Thing[] = [];
  for (const thing of thingsBeside(marks.reached, inventory, parts.layout)) {
    if (await isGarbage(parts, thing, marks, olderThan)) garbage.push(thing);
  }
  return garbage;
}

/**
 * Whether nothing uses the thing. `olderThan`, in milliseconds, is how long partial blobs are kept
 * at most. What belongs to processes that died counts as theirs no longer.
 */
export async function isGarbage(
  { files, layout }: Pick<StoreParts, 'files' | 'layout'>,
  thing: Thing,
  marks: Marks,
  olderThan = partialLife,
): Promise<boolean> {
  const path = join(layout.root, thing.name);
  const isUnusedFor = (life: number, path: string): boolean => {
    const found = files.stat(path);
    return found === undefined || Date.now() - found.mtime >= life;
  };
  switch (thing.kind) {
    case 'blob':
      return !marks.reached.has(thing.name);
    case 'layer': {
      if (!marks.reached.has(thing.name)) return true;
      // Without its index it is no layer, unless someone is about to write that.
      const { index } = layout.layer(parseDiffID(thing.name));
      if (thing.files[0]?.path === index || files.stat(index) !== undefined) return false;
      if (marks.held.has(thing.name)) return false;
      return !(await isLocked(files, layout.lease('layer', thing.name)));
    }
    case 'partial':
      if (marks.held.has(thing.name)) return false;
      if (!isUnusedFor(Math.min(partialLife, olderThan), layout.partial(thing.name))) return false;
      return !(await isLocked(files, layout.lease('blob', thing.name)));
    case 'draft': {
      const life = await draftLifeOf(basename(thing.name));
      return life !== undefined && isUnusedFor(life, path);
    }
    case 'lease': {
      const lasts = marks.lasts(path);
      return lasts === undefined ? isUnusedFor(unreadableLeaseLife, path) : !lasts;
    }
    case 'other-layer':
      return isOlderVersion(thing.name.split(sep)[1] ?? '');
    case 'quarantine':
      return isUnusedFor(quarantineLife, path);
  }
}
