import type { RofsPlan } from '../../../src/rofs/plan.ts';
import { rofsSegments } from '../../../src/rofs/write.ts';
import type { SyncAccess } from '../../../src/tree/access.ts';
import { openContents } from '../../../src/tree/contents.ts';

/** The image of a plan whose contents are all in memory. */
export function imageOf(plan: RofsPlan): Buffer {
  const image = Buffer.alloc(plan.size);
  const contents = openContents(new Map());
  let end = 0;
  for (const { offset, length, source } of rofsSegments(plan)) {
    if (offset < end || offset + length > image.length) throw new Error(`segment at ${offset}`);
    end = offset + length;
    const target = image.subarray(offset, end);
    if (source.kind === 'bytes') target.set(source.bytes);
    else contents.readInto(source.content, 0, target);
  }
  return image;
}

/** A plan with other records than the planner would make, its tables counted anew. */
export function planWith(
  plan: RofsPlan,
  change: Partial<Pick<RofsPlan, 'entries' | 'symlinks' | 'inodes'>>,
): RofsPlan {
  const made = { ...plan, ...change };
  const { entries, symlinks, inodes } = made;
  const infoSize =
    entries.reduce((sum, { name }) => sum + 10 + name.length, 0) +
    symlinks.reduce((sum, target) => sum + 2 + target.length, 0) +
    inodes.length * 32;
  const infoBlocks = Math.ceil(infoSize / 512);
  const superblock = {
    ...plan.superblock,
    infoBlocks,
    entryCount: entries.length,
    symlinkCount: symlinks.length,
    inodeCount: inodes.length,
  };
  return { ...made, size: (plan.superblock.infoFirstBlock + infoBlocks) * 512, superblock };
}

export function accessOf(bytes: Buffer): SyncAccess {
  return {
    size: bytes.length,
    read: (offset, length) => bytes.subarray(offset, offset + length),
  };
}
