import type { Descriptor } from '../descriptor.ts';
import { withLock } from '../leases/lock.ts';
import { hasOurDigest, nameOf, updateIndex } from '../names/refs.ts';
import type { StoreParts } from '../parts.ts';
import { type NameUse, nameUses } from './eviction.ts';
import type { GcOptions } from './gc.ts';
import type { Marking } from './marks.ts';

/**
 * Removes the names that are as they were when they were chosen, and not used since. With the gate
 * nobody can come to use one meanwhile: who sets a name that is there already holds it before.
 */
export async function dropNames(
  parts: StoreParts,
  chosen: readonly NameUse[],
  marking: Marking,
  options: GcOptions,
): Promise<readonly string[]> {
  if (chosen.length === 0) return [];
  const before = new Map(chosen.map((use) => [use.name, use]));
  const isAsBefore = ({ name, digests, lastUse }: NameUse): boolean => {
    const use = before.get(name);
    return use?.lastUse === lastUse && `${use.digests}` === `${digests}`;
  };
  let dropped = new Set<string>();
  await withLock(parts.files, parts.layout.gate, async () => {
    const { held } = await marking.look();
    await updateIndex(parts, (index) => {
      const named = index.manifests.filter((entry) => before.has(nameOf(entry) ?? ''));
      const uses = nameUses(parts, named.filter(hasOurDigest), held, options);
      const unused = uses.filter((use) => !use.stays && isAsBefore(use));
      dropped = new Set(unused.map(({ name }) => name));
      const isDropped = (entry: Descriptor) => dropped.has(nameOf(entry) ?? '');
      return { ...index, manifests: index.manifests.filter((entry) => !isDropped(entry)) };
    });
  });
  return Array.from(dropped);
}
