import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { readTar } from '../../support/read-tar.ts';
import {
  archive,
  base256,
  gnuLong,
  gnuMap,
  header,
  member,
  pax,
  zeroBlock,
} from '../../support/tar-builder.ts';
import { failure } from './read-one.ts';

describe('createTarReader refuses as LAYER_CORRUPT', () => {
  test.each([
    ['a wrong checksum', archive(member({ name: 'x', checksum: 'wrong' }))],
    ['no tar at all', Buffer.alloc(1024, 'text')],
    ['a number that is none', archive(member({ name: 'x', patches: [[108, 'zzzzzzz']] }))],
    ['a negative size', archive(member({ name: 'x', patches: [[124, base256(-1n, 12)]] }))],
    [
      'a size beyond 2^53',
      archive(member({ name: 'x', patches: [[124, base256(2n ** 60n, 12)]] })),
    ],
    ['a negative owner', archive(member({ name: 'x', patches: [[108, base256(-1n, 8)]] }))],
    ['an owner beyond 32 bits', archive(pax([['uid', '4294967296']]), member({ name: 'x' }))],
    [
      'a negative device',
      archive(header({ name: 'x', type: '3', patches: [[329, base256(-1n, 8)]] })),
    ],
    ['a PAX number that is none', archive(pax([['size', '0x1']]), member({ name: 'x' }))],
    ['a PAX time that is none', archive(pax([['mtime', '1e3']]), member({ name: 'x' }))],
    ['a record without a length', archive(member({ name: 'p', type: 'x' }, 'path=x\n'))],
    ['a record longer than the header', archive(member({ name: 'p', type: 'x' }, '99 path=x\n'))],
    ['a record without a line end', archive(member({ name: 'p', type: 'x' }, '9 path=xy'))],
    ['a record without a key', archive(member({ name: 'p', type: 'x' }, '5 =x\n'))],
    ['a record without a value', archive(member({ name: 'p', type: 'x' }, '7 path\n'))],
    ['a bad record in a global header', archive(member({ name: 'p', type: 'g' }, 'x'))],
    ['a PAX name with a NUL', archive(pax([['path', 'a\0b']]), member({ name: 'x' }))],
    ['a PAX key with a NUL', archive(pax([['a\0b', 'c']]), member({ name: 'x' }))],
    ['an empty name', archive(member({ type: '5' }))],
    ['a name that climbs out', archive(member({ name: '../x' }))],
    ['a name that climbs', archive(member({ name: 'a/../b' }))],
    ['a hard link that climbs', archive(member({ name: 'x', type: '1', linkname: '../y' }))],
    ['a hard link to nothing', archive(member({ name: 'x', type: '1' }))],
    ['a symlink to nothing', archive(member({ name: 'x', type: '2' }))],
    ['a file in place of the root', archive(member({ name: './', size: 1 }))],
    ['an unknown type', archive(member({ name: 'x', type: 'Z' }))],
    ['a folder of an incremental dump', archive(member({ name: 'x/', type: 'D' }, 'Yy\0\0'))],
    ['a file of another volume', archive(member({ name: 'x', type: 'M' }))],
    ['long names of old GNU tar', archive(member({ name: 'x', type: 'N' }))],
    ['an extended header of Solaris', archive(member({ name: 'x', type: 'X' }))],
    ['a volume label with a body', archive(member({ name: 'x', type: 'V' }, 'body'))],
    [
      'a volume label with an extended header',
      archive(pax([['path', 'x']]), member({ name: 'x', type: 'V' })),
    ],
    ['a header after one zero block', archive(zeroBlock, member({ name: 'x' }))],
    ['an extended header before the end', archive(pax([['path', 'x']]))],
    ['an extended header and no more', pax([['path', 'x']])],
    ['a header cut off', member({ name: 'x' }).subarray(0, 200)],
    ['a body cut off', member({ name: 'x' }, 'body').subarray(0, 514)],
    ['an extended header cut off', pax([['path', 'x']]).subarray(0, 515)],
    [
      'a last header cut off',
      Buffer.concat([member({ name: 'x' }), header({ name: 'y' }).subarray(1)]),
    ],
  ])('%s', (_, tar) => {
    expect(failure(tar).code).toBe('LAYER_CORRUPT');
  });

  test('with the position of the member', () => {
    const error = failure(archive(member({ name: 'a' }, 'body'), member({ name: '../x' })));
    expect(error.message).toBe(
      'reading the tar at byte 1024: found the name "../x", wanted no ".." in it',
    );
  });
});

describe('createTarReader refuses as LAYER_LIMIT', () => {
  const hole = archive(
    pax([
      ['GNU.sparse.size', '1000'],
      ['GNU.sparse.numblocks', '1'],
      ['GNU.sparse.map', '1000,0'],
    ]),
    member({ name: 'x' }),
  );
  const bigMap = Buffer.alloc(1024, '1\n');
  bigMap.write('600\n');
  const chained = Buffer.alloc(512);
  chained.set(gnuMap(Array.from({ length: 21 }, (_, at) => [at * 10, 1] as const)));
  chained[504] = 1;
  const gnuRuns = [
    [
      386,
      gnuMap([
        [0, 1],
        [10, 1],
      ]),
    ],
    [483, '00000001000\0'],
  ] as const;
  const gnuPatches = [
    [482, '\x01'],
    [483, '00000001000\0'],
  ] as const;

  test.each([
    ['too many entries', archive(member({ name: 'a' }), member({ name: 'b' })), { entries: 1 }],
    ['a name too long', archive(gnuLong('L', 'n'.repeat(4097)), member({ name: 'x' })), {}],
    [
      'a target too long',
      archive(gnuLong('K', 'n'.repeat(4097)), member({ name: 'x', type: '2' })),
      {},
    ],
    ['an extended header too long', archive(member({ name: 'p', type: 'x', size: 2 ** 21 })), {}],
    [
      'names too long together',
      archive(member({ name: 'abc' }), member({ name: 'def' })),
      { metadata: 5 },
    ],
    [
      'attributes too long together',
      archive(pax([['SCHILY.xattr.user.x', 'v'.repeat(99)]]), member({ name: 'a' })),
      { metadata: 100 },
    ],
    [
      'sparse maps too long together',
      archive(member({ name: 'x', type: 'S', magic: 'gnu', patches: gnuRuns }, 'ab')),
      { metadata: 40 },
    ],
    ['holes too large', hole, { holes: 999 }],
    [
      'a map in the body too long',
      archive(
        pax([
          ['GNU.sparse.major', '1'],
          ['GNU.sparse.minor', '0'],
          ['GNU.sparse.realsize', '1'],
        ]),
        member({ name: 'x' }, bigMap),
      ),
      { extendedHeader: 900 },
    ],
    [
      'an old GNU map too long',
      archive(
        header({ name: 'x', type: 'S', magic: 'gnu', patches: gnuPatches }),
        chained,
        chained,
      ),
      { extendedHeader: 900 },
    ],
  ])('%s', (_, tar, limits) => {
    expect(failure(tar, limits).code).toBe('LAYER_LIMIT');
  });

  test('with the limit, and with what would let it pass where that is known', () => {
    const long = archive(gnuLong('L', 'n'.repeat(9000)), member({ name: 'x' }));
    const error = failure(long);
    expect(error.message).toBe(
      'reading the tar at byte 9728: found a name of 9000 bytes, wanted at most 4096 (the limit nameLength, to be raised for an image you trust)',
    );
    expect(error.hint).toBe('osv-convert pull --limit nameLength=9000 IMAGE');
    expect(readTar(long, { nameLength: 9000 })).toHaveLength(1);
  });
});
