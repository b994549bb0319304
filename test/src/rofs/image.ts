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

export function accessOf(bytes: Buffer): SyncAccess {
  return {
    size: bytes.length,
    read: (offset, length) => bytes.subarray(offset, offset + length),
  };
}
