import { dumpRofs } from '../../../src/rofs/dump.ts';
import { fsckRofs } from '../../../src/rofs/fsck.ts';
import { planRofs } from '../../../src/rofs/plan.ts';
import { readRofs } from '../../../src/rofs/read.ts';
import type { RofsRule } from '../../../src/rofs/rules.ts';
import { rofsTotals } from '../../../src/rofs/totals.ts';
import { directory, fileOfBytes, symlink } from '../../../src/tree/nodes.ts';
import type { Node } from '../../../src/tree/tree.ts';
import { walkTree } from '../../../src/tree/walk.ts';
import { accessOf, imageOf } from '../../src/rofs/image.ts';
import { mutateBytes } from '../mutate-bytes.ts';
import { outcomeOf } from '../outcome.ts';
import type { Random } from '../random.ts';
import type { Target } from '../target.ts';

/**
 * ROFS images: a tree that is accepted has every file within the image, and what fsck finds no error in, and
 * no links or paths that only the kernel takes, is accepted. Records of any image can be told.
 */
export function rofsTarget(): Target {
  const shared = fileOfBytes(Buffer.alloc(1025, 'shared'));
  const folder = (entries: Readonly<Record<string, Node>>) =>
    directory(new Map(Object.entries(entries)));
  const root = folder({
    a: fileOfBytes(Buffer.from('hello')),
    b: shared,
    c: shared,
    d: folder({ inner: folder({ y: shared }) }),
    e: folder({}),
    link: symlink('../d/inner/y'),
  });
  const image = imageOf(planRofs({ root }));
  return {
    name: 'rofs',
    input: (random) => mutated(image, random),
    run: async (input) => {
      const access = accessOf(Buffer.from(input));
      const findings = fsckRofs(access);
      for (const _ of dumpRofs(access)) {
        // That they end is what is asked.
      }
      const isSound = !findings.some(
        ({ severity, rule }) => severity === 'error' || kernelOnly.has(rule),
      );
      const outcome = await outcomeOf(['ROFS_INVALID'], () => {
        rofsTotals(access);
        for (const { path, node } of walkTree(readRofs(access))) {
          if (node.kind !== 'file' || node.content.kind !== 'access') continue;
          const { offset, size } = node.content;
          if (offset >= 0 && size >= 0 && offset + size <= input.length) continue;
          throw new Error(`${path}: bytes ${offset} to ${offset + size} of ${input.length}`);
        }
      });
      if (isSound && outcome !== 'accepted') throw new Error(`fsck finds nothing, yet ${outcome}`);
      return outcome;
    },
  };
}

/** Warnings about what the kernel takes, and the reader of trees does not. */
const kernelOnly: ReadonlySet<string> = new Set<RofsRule>(['info-not-last', 'path-length']);

/** The tables stand behind the data, the superblock before it: data are no target. */
function mutated(image: Buffer, random: Random): Buffer {
  const info = Number(image.readBigUInt64LE(24)) * 512;
  const start = random.chance(0.3) ? 0 : info > 0 && info < image.length ? info : 0;
  const end = start === 0 ? 64 : image.length;
  if (random.chance(0.1)) return mutateBytes(image, random);
  if (random.chance(0.5)) {
    const copy = Buffer.from(image);
    for (let times = 1 + random.below(3); times > 0; times -= 1) {
      const at = start + random.below((end - start) / 8) * 8;
      const value = random.chance(0.7) ? BigInt(random.below(40)) : random.pick(numbers);
      copy.writeBigUInt64LE(value, Math.min(at, copy.length - 8));
    }
    return copy;
  }
  const part = mutateBytes(image.subarray(start, end), random).subarray(0, end - start);
  const copy = Buffer.from(image);
  part.copy(copy, start);
  return copy;
}

const numbers = [2n ** 31n, 2n ** 32n - 1n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n, 2n ** 55n];
