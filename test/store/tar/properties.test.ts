import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeName,
  defaultLimits,
  type Entry,
  encodeName,
  type FileEntry,
} from '../../../store/index.ts';
import { createTarReader } from '../../../store/tar/reader.ts';
import { tarHeader } from '../../../store/tar/writer.ts';
import { mutateTar } from '../../fuzz/mutate-tar.ts';
import { randomOf } from '../../fuzz/random.ts';
import { readHostileTar } from '../../fuzz/tar-invariant.ts';
import { tarSeeds } from '../../fuzz/tar-seeds.ts';
import * as item from '../../support/layers.ts';
import { readTar, sha256Of } from '../../support/read-tar.ts';

/** Bytes but NUL and the slash, of any length up to that of the longest name, `.` and markers left out. */
const name = fc
  .uint8Array({ minLength: 1, maxLength: 255 })
  .map((bytes) => decodeName(bytes.map((byte) => (byte === 0 || byte === 0x2f ? 0xff : byte))))
  .filter((text) => text !== '.' && text !== '..' && !text.startsWith('.wh.'));

/** Where ustar's fields end, and a folder's with the slash behind it, and the longest path. */
const lengths = [98, 99, 100, 101, 154, 155, 156, 157, 254, 255, 256, 257, 4094, 4095] as const;

const path = fc.oneof(
  fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join('/')),
  fc
    .tuple(fc.constantFrom(...lengths), fc.integer({ min: 1, max: 120 }))
    .map(([length, step]) => pathOf(length, step)),
);

/** With room for what makes a marker of it. */
const belowLimit = path.filter((text) => encodeName(text).length < 4000);

/** A path of `length` bytes whose names have `step`; the last has what is left. */
function pathOf(length: number, step: number): string {
  const text = 'n'.repeat(length - 1).replace(new RegExp(`(.{${step}}).`, 'g'), '$1/');
  return `${text}x`;
}

const target = fc.oneof(
  fc
    .uint8Array({ minLength: 1, maxLength: 300 })
    .map((bytes) => decodeName(bytes.map((byte) => byte || 1))),
  fc.constantFrom(...lengths).map((length) => '/'.repeat(length)),
);

const id = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const time = fc.oneof(
  fc.maxSafeInteger(),
  fc.integer().map((n) => n / 1000),
  fc.maxSafeInteger().map((n) => n / 1e9),
  fc.constantFrom(-0.5, 1e-7, -1e-9, 8 ** 11, 8 ** 11 - 1),
);
const xattrs = fc
  .uniqueArray(
    fc.tuple(
      fc.oneof(
        fc.constantFrom('__proto__', 'user.a b', 'user.\n', 'user.%3D', 'constructor', 'user.ä'),
        fc
          .uint8Array({ minLength: 1, maxLength: 20 })
          .map((bytes) =>
            decodeName(bytes.map((byte) => (byte === 0 || byte === 0x3d ? 0xff : byte))),
          ),
      ),
      fc.oneof(fc.uint8Array(), fc.constantFrom(Buffer.from('a=b\nc'), Buffer.from('\n'))),
    ),
    { minLength: 1, maxLength: 5, selector: ([key]) => key },
  )
  .map((pairs) =>
    Object.fromEntries(pairs.map(([key, value]) => [key, Buffer.from(value).toString('base64')])),
  );
const attributes = fc.record(
  { mode: fc.integer({ min: 0, max: 0o7777 }), uid: id, gid: id, mtime: time, xattrs },
  { requiredKeys: [] },
);
const device = fc.tuple(
  fc.constantFrom('character' as const, 'block' as const),
  fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  fc.maxSafeNat(),
);

/** Runs of whole blocks that do not meet, the last of any length, and perhaps a hole after it. */
const holed = fc
  .record({
    gaps: fc.array(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 3 })), {
      maxLength: 4,
    }),
    last: fc.integer({ min: 0, max: 600 }),
    hole: fc.integer({ min: 0, max: 5000 }),
  })
  .map(({ gaps, last, hole }) => {
    const runs: { readonly position: number; readonly length: number }[] = [];
    let end = 0;
    for (const [gap, blocks] of [...gaps, [1, 0] as const]) {
      const position = end + 512 * gap;
      const length = blocks === 0 ? last : 512 * blocks;
      if (length > 0) runs.push({ position, length });
      end = position + length;
    }
    return { runs, size: end + hole };
  });

const members: fc.Arbitrary<item.LayerItem> = fc.oneof(
  fc.tuple(path, fc.uint8Array(), attributes).map(([at, bytes, a]) => item.file(at, bytes, a)),
  fc.tuple(path, holed, attributes).map(([at, sparse, a]) => sparseFile(at, sparse, a)),
  fc.tuple(fc.oneof(path, fc.constant('')), attributes).map(([at, a]) => item.directory(at, a)),
  fc.tuple(path, target, attributes).map(([at, to, a]) => item.symlink(at, to, a)),
  fc.tuple(path, path, attributes).map(([at, to, a]) => item.hardlink(at, to, a)),
  fc.tuple(path, device).map(([at, numbers]) => item.special(at, ...numbers)),
  path.map((at) => item.special(at, 'fifo')),
  belowLimit.map(item.whiteout),
  fc.oneof(belowLimit, fc.constant('')).map(item.opaque),
);

function sparseFile(
  at: string,
  { runs, size }: { readonly runs: readonly Run[]; readonly size: number },
  a: NonNullable<Parameters<typeof item.file>[2]>,
): item.LayerItem {
  const bytes = Buffer.alloc(
    runs.reduce((sum, { length }) => sum + length, 0),
    'run',
  );
  const { path: _, ...entry } = item.file(at, '', a).entry as FileEntry;
  return { entry: { ...entry, path: at, size, runs }, bytes };
}

interface Run {
  readonly position: number;
  readonly length: number;
}

describe('tarHeader', () => {
  test('is read back as the same entry, with its bytes, whatever the entry', () => {
    fc.assert(
      fc.property(fc.array(members, { minLength: 1, maxLength: 5 }), (items) => {
        expectReadBack(items);
      }),
      { numRuns: 400, seed: 20_260_101 },
    );
  });

  test('is read back with its size when that is anything up to 2^53 - 1', () => {
    const sizes = fc.oneof(fc.maxSafeNat(), fc.constantFrom(8 ** 11 - 1, 8 ** 11, 2 ** 53 - 1));
    fc.assert(
      fc.property(path, sizes, attributes, (at, size, a) => {
        const found: unknown[] = [];
        const reader = createTarReader(
          () => found.push('an entry'),
          defaultLimits,
          (...file) => {
            found.push(file);
            return { bytes: () => found.push('bytes'), end() {} };
          },
        );
        const { bytes: _, entry } = item.file(at, '', a);
        if (entry.kind === 'file') reader.push(tarHeader({ ...entry, size }));
        expect(found).toEqual([[at, size]]);
      }),
      { numRuns: 200, seed: 20_260_102 },
    );
  });
});

function expectReadBack(items: readonly item.LayerItem[]): void {
  const tar = item.layerTar(items);
  const entries = readTar(tar);
  let offset = 0;
  const expected = items.map(({ entry, bytes }): Entry => {
    const header = tarHeader(entry).length;
    const start = offset + header;
    offset = start + Math.ceil(bytes.length / 512) * 512;
    if (entry.kind !== 'file') return entry;
    const { runs, ...rest } = entry;
    if (!runs) return { ...rest, offset: start, digest: sha256Of(bytes) as FileEntry['digest'] };
    const whole = Buffer.alloc(entry.size);
    let at = start;
    const extents = runs.map(({ position, length }) => {
      whole.set(bytes.subarray(at - start, at - start + length), position);
      at += length;
      return { position, length, offset: at - length };
    });
    return { ...rest, offset: start, digest: sha256Of(whole) as FileEntry['digest'], extents };
  });
  expect(entries).toEqual(expected);
  for (const [at, entry] of entries.entries()) {
    expect(encodeName(entry.path)).toEqual(encodeName(items[at]?.entry.path ?? ''));
  }
}

describe('createTarReader', () => {
  test('keeps its promises when sound tars of every dialect are mutated at random', () => {
    const seeds = tarSeeds();
    const outcomes = new Map<string, number>();
    fc.assert(
      fc.property(fc.integer(), fc.nat(1_000_000), (seed, number) => {
        const random = randomOf(seed, number);
        const tar = mutateTar(random.pick(seeds), random);
        const outcome = readHostileTar(tar, random);
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      }),
      { numRuns: 2000, seed: 20_260_103 },
    );
    // Mutations of which nearly all are refused at a checksum would show nothing.
    for (const outcome of ['accepted', 'LAYER_CORRUPT', 'LAYER_LIMIT']) {
      expect(outcomes.get(outcome)).toBeGreaterThan(50);
    }
  });

  test.each(tarSeeds().map((tar, at) => [at, tar] as const))(
    'accepts sound tar %i as it is, wherever it is cut',
    (_, tar) => {
      for (let number = 0; number < 50; number += 1) {
        expect(readHostileTar(tar, { ...randomOf(1, number), chance: () => false })).toBe(
          'accepted',
        );
      }
    },
  );
});
