import { Buffer } from 'node:buffer';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { Parser } from 'tar';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  decodeName,
  defaultLimits,
  type Entry,
  encodeName,
  type FileEntry,
  type Limits,
  StoreError,
} from '../../store/index.ts';
import { createTarReader } from '../../store/tar/reader.ts';
import { tarHeader } from '../../store/tar/writer.ts';
import {
  directory,
  file,
  hardlink,
  type LayerItem,
  layerTar,
  opaque,
  special,
  symlink,
  whiteout,
} from '../support/layers.ts';
import {
  archive,
  base256,
  gnuLong,
  gnuMap,
  header,
  member,
  pax,
  zeroBlock,
} from '../support/tar-builder.ts';

function read(
  tar: Uint8Array,
  limits: Partial<Limits> = {},
  sizes: readonly number[] = [],
): Entry[] {
  const entries: Entry[] = [];
  const reader = createTarReader((entry) => entries.push(entry), { ...defaultLimits, ...limits });
  let at = 0;
  for (const size of sizes) {
    // The reader must not keep what it is given: the next piece overwrites it.
    const piece = Buffer.from(tar.subarray(at, at + size));
    reader.push(piece);
    piece.fill(0xee);
    at += size;
  }
  reader.push(Buffer.from(tar.subarray(at)));
  reader.end();
  return entries;
}

function only(tar: Uint8Array): Entry {
  const [entry, ...more] = read(tar);
  if (entry === undefined || more.length > 0) {
    throw new Error(`wanted one entry, found ${more.length + (entry === undefined ? 0 : 1)}`);
  }
  return entry;
}

function onlyFile(tar: Uint8Array): FileEntry {
  const entry = only(tar);
  if (entry.kind !== 'file') {
    throw new Error(`wanted a file, found a ${entry.kind}`);
  }
  return entry;
}

function digest(bytes: string | Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** The bytes of a file as its entry places them. */
function contentOf(tar: Uint8Array, { size, offset, extents }: FileEntry): Buffer {
  const bytes = Buffer.alloc(size);
  for (const extent of extents ?? [{ position: 0, offset, length: size }]) {
    bytes.set(tar.subarray(extent.offset, extent.offset + extent.length), extent.position);
  }
  return bytes;
}

function failure(tar: Uint8Array, limits: Partial<Limits> = {}): StoreError {
  try {
    read(tar, limits);
  } catch (error) {
    if (error instanceof StoreError) {
      return error;
    }
    throw error;
  }
  throw new Error('wanted a StoreError, found none');
}

describe('createTarReader reads', () => {
  test('a file with its metadata, offset and digest when ustar', () => {
    const tar = archive(
      member({ name: 'a', mode: 0o4755, uid: 7, gid: 8, mtime: 1234567890 }, 'hello'),
    );
    expect(only(tar)).toEqual({
      kind: 'file',
      path: 'a',
      mode: 0o4755,
      uid: 7,
      gid: 8,
      mtime: 1234567890,
      size: 5,
      offset: 512,
      digest: digest('hello'),
    });
  });

  test('an empty file when it has no body', () => {
    expect(onlyFile(archive(member({ name: 'a' })))).toMatchObject({ size: 0, digest: digest('') });
  });

  test.each([
    ['v7', { name: 'd/', type: '\0', magic: 'v7' }, 'directory'],
    ['v7 with a size and no body', { name: 'd/', type: '\0', magic: 'v7', size: 9 }, 'directory'],
    ['type 0 and a slash', { name: 'd/' }, 'directory'],
    ['v7 file', { name: 'd', type: '\0', magic: 'v7' }, 'file'],
    ['contiguous file', { name: 'd', type: '7' }, 'file'],
    ['directory', { name: 'd', type: '5' }, 'directory'],
    ['directory with a size and no body', { name: 'd', type: '5', size: 4096 }, 'directory'],
    ['symlink', { name: 'd', type: '2', linkname: '/x' }, 'symlink'],
    [
      'symlink with a size and no body',
      { name: 'd', type: '2', linkname: 'x', size: 1 },
      'symlink',
    ],
    ['hard link', { name: 'd', type: '1', linkname: './x' }, 'hardlink'],
    [
      'hard link with a size, no body',
      { name: 'd', type: '1', linkname: 'x', size: 99 },
      'hardlink',
    ],
    ['fifo', { name: 'd', type: '6' }, 'special'],
  ] as const)('the kind of member when %s', (_, raw, kind) => {
    const tar = archive(header(raw), member({ name: 'next' }, 'body'));
    expect(read(tar).map((entry) => [entry.path, entry.kind])).toEqual([
      ['d', kind],
      ['next', 'file'],
    ]);
  });

  test('device numbers when a member is a device', () => {
    const patches = [
      [329, '0000010\0'],
      [337, '0000003\0'],
    ] as const;
    expect(only(archive(header({ name: 'c', type: '3', patches })))).toMatchObject({
      type: 'character',
      major: 8,
      minor: 3,
    });
    expect(only(archive(header({ name: 'c', type: '4', patches })))).toMatchObject({
      type: 'block',
    });
  });

  test.each([
    ['a', 'a'],
    ['/a/b', 'a/b'],
    ['./a', 'a'],
    ['//a/.//b/', 'a/b'],
    ['.', ''],
    ['./', ''],
    ['/', ''],
    ['..a/b..', '..a/b..'],
  ])('the name %j as the path %j', (name, path) => {
    expect(only(archive(member({ name, type: '5' })))).toMatchObject({ path });
  });

  test('the prefix of a name when POSIX, and not when GNU', () => {
    expect(only(archive(member({ name: 'b', prefix: 'a' }))).path).toBe('a/b');
    expect(only(archive(member({ name: 'b', prefix: 'a', magic: 'gnu' }))).path).toBe('b');
  });

  test('a name of 100 bytes without a NUL', () => {
    expect(only(archive(member({ name: 'n'.repeat(100) }))).path).toBe('n'.repeat(100));
  });

  test('names that are not UTF-8 byte for byte', () => {
    const name = Buffer.from([0x61, 0xff, 0xed, 0xa0, 0x80, 0xc3, 0xa9]);
    expect(encodeName(only(archive(member({ name }))).path)).toEqual(name);
    expect(encodeName(only(archive(pax([['path', name]]), member({ name: 'x' }))).path)).toEqual(
      name,
    );
    expect(encodeName(only(archive(gnuLong('L', name), member({ name: 'x' }))).path)).toEqual(name);
  });

  test('long names and targets when GNU', () => {
    const [name, link] = ['n'.repeat(300), 'l'.repeat(300)];
    const tar = archive(gnuLong('K', link), gnuLong('L', name), member({ name: 'x', type: '2' }));
    expect(only(tar)).toMatchObject({ path: name, target: link });
  });

  test('what GNU long names and PAX both say with the GNU name winning, as Go does', () => {
    const tar = archive(gnuLong('L', 'gnu'), pax([['path', 'pax']]), member({ name: 'x' }));
    expect(only(tar).path).toBe('gnu');
  });

  test('PAX records over header fields, the last of a repeated key, empty ones as none', () => {
    const tar = archive(
      pax([
        ['uid', '3000000000'],
        ['gid', '70000'],
        ['mtime', '1.25'],
        ['path', 'first'],
        ['path', 'long'],
        ['linkpath', ''],
        ['VENDOR.key', 'anything'],
        ['comment', ''],
      ]),
      member({ name: 'x', type: '2', linkname: 'kept' }),
    );
    expect(only(tar)).toMatchObject({
      path: 'long',
      uid: 3000000000,
      gid: 70000,
      mtime: 1.25,
      target: 'kept',
    });
  });

  test('the size of a body from its PAX record', () => {
    const tar = archive(
      pax([['size', '3']]),
      Buffer.concat([header({ name: 'x', size: 0 }), Buffer.from('abc'), Buffer.alloc(509)]),
      member({ name: 'y' }),
    );
    expect(read(tar).map(({ path }) => path)).toEqual(['x', 'y']);
  });

  test('a negative time', () => {
    expect(only(archive(pax([['mtime', '-1.5']]), member({ name: 'x' })))).toMatchObject({
      mtime: -1.5,
    });
    const patches = [[136, base256(-7n, 12)]] as const;
    expect(only(archive(member({ name: 'x', patches })))).toMatchObject({ mtime: -7 });
  });

  test('base-256 numbers', () => {
    const patches = [[108, base256(0xffff_fffen, 8)]] as const;
    expect(only(archive(member({ name: 'x', patches })))).toMatchObject({ uid: 0xffff_fffe });
  });

  test('numbers between blanks and NULs', () => {
    const patches = [
      [108, '   17 \0 '],
      [116, '\0\0\0\0\0\0\0\0'],
    ] as const;
    expect(only(archive(member({ name: 'x', patches })))).toMatchObject({ uid: 15, gid: 0 });
  });

  test('extended attributes as bytes, with line ends and equals signs in them', () => {
    const value = Buffer.from([0, 1, 0xff, 0x0a, 0x3d]);
    const tar = archive(
      pax([
        ['SCHILY.xattr.security.capability', value],
        ['SCHILY.xattr.user.empty', ''],
        ['SCHILY.xattr.__proto__', 'p'],
      ]),
      member({ name: 'x' }),
    );
    const { xattrs = {} } = onlyFile(tar);
    expect(Object.keys(xattrs).sort()).toEqual(['__proto__', 'security.capability', 'user.empty']);
    expect(Buffer.from(xattrs['security.capability'] ?? '', 'base64')).toEqual(value);
  });

  test('a global PAX header without applying it, as Go does', () => {
    const tar = archive(
      pax(
        [
          ['path', 'evil'],
          ['uid', '5'],
        ],
        'g',
      ),
      member({ name: 'x' }),
    );
    expect(only(tar)).toMatchObject({ path: 'x', uid: 0 });
  });

  test('checksums of unsigned and of signed bytes', () => {
    const name = Buffer.from([0xff, 0xfe, 0x41]);
    expect(only(archive(member({ name, checksum: 'signed' }))).path).toBe(decodeName(name));
    expect(only(archive(member({ name }))).path).toBe(decodeName(name));
  });

  test('nothing behind the two zero blocks', () => {
    const tar = Buffer.concat([
      archive(member({ name: 'a' })),
      archive(member({ name: 'smuggled' })),
    ]);
    expect(read(tar).map(({ path }) => path)).toEqual(['a']);
  });

  test.each([
    ['no end at all', member({ name: 'a' })],
    ['one zero block', Buffer.concat([member({ name: 'a' }), zeroBlock])],
    [
      'a partial block of zeros behind the end',
      Buffer.concat([archive(member({ name: 'a' })), Buffer.alloc(7)]),
    ],
  ])('a tar with %s', (_, tar) => {
    expect(read(tar)).toHaveLength(1);
  });

  test('no entries when there are no bytes', () => {
    expect(read(new Uint8Array())).toEqual([]);
  });
});

describe('createTarReader takes whiteouts', () => {
  test.each([
    ['.wh.a', { kind: 'whiteout', path: 'a' }],
    ['./x/.wh.a', { kind: 'whiteout', path: 'x/a' }],
    ['x/.wh..wh..opq', { kind: 'opaque', path: 'x' }],
    ['.wh..wh..opq', { kind: 'opaque', path: '' }],
    ['x/.wh.a.wh.b', { kind: 'whiteout', path: 'x/a.wh.b' }],
    ['.wh...a', { kind: 'whiteout', path: '..a' }],
  ])('%j', (name, entry) => {
    expect(only(archive(member({ name })))).toEqual(entry);
    expect(only(archive(member({ name, type: '5' })))).toEqual(entry);
  });

  test.each(['.wh..wh.plnk/x', '.wh..wh.aufs', 'a/.wh..wh.orph/b', '.wh..wh..opq/x'])(
    '%j as bookkeeping of AUFS, which is skipped',
    (name) => {
      expect(read(archive(member({ name }, 'body'), member({ name: 'next' })))).toHaveLength(1);
    },
  );

  test.each(['.wh.', 'a/.wh.', '.wh..', '.wh...'])('%j as corrupt', (name) => {
    expect(failure(archive(member({ name }))).code).toBe('LAYER_CORRUPT');
  });
});

describe('createTarReader reads sparse files', () => {
  const stored = 'AAAABBBBBB';
  const whole = Buffer.concat([
    Buffer.alloc(1000),
    Buffer.from('AAAA'),
    Buffer.alloc(3996),
    Buffer.from('BBBBBB'),
    Buffer.alloc(94),
  ]);
  const runs = [
    [1000, 4],
    [5000, 6],
  ] as const;
  const next = member({ name: 'next' }, 'n');

  const check = (tar: Buffer) => {
    const [sparse, after] = read(tar);
    if (sparse?.kind !== 'file') {
      throw new Error('wanted a file');
    }
    expect(sparse).toMatchObject({ path: 'sparse', size: whole.length, digest: digest(whole) });
    expect(sparse.extents).toHaveLength(2);
    expect(sparse.offset).toBe(sparse.extents?.[0]?.offset);
    expect(contentOf(tar, sparse)).toEqual(whole);
    expect(after).toMatchObject({ path: 'next', digest: digest('n') });
  };

  const gnuHeader = { name: 'sparse', type: 'S', magic: 'gnu' } as const;
  const realSize = [483, `${whole.length.toString(8).padStart(11, '0')}\0`] as const;

  test('of old GNU tar', () => {
    const patches = [[386, gnuMap([...runs, [whole.length, 0]])], realSize] as const;
    check(archive(member({ ...gnuHeader, patches }, stored), next));
  });

  test('of old GNU tar when the map goes on in blocks of its own', () => {
    const patches = [[482, '\x01'], realSize] as const;
    const first = Buffer.alloc(512);
    first.set(gnuMap([[1000, 4]]));
    first[504] = 1;
    const second = Buffer.alloc(512);
    second.set(gnuMap([[5000, 6]]));
    const body = Buffer.concat([Buffer.from(stored), Buffer.alloc(502)]);
    check(archive(header({ ...gnuHeader, patches }, stored.length), first, second, body, next));
  });

  test('of PAX 0.0, whose keys repeat', () => {
    check(
      archive(
        pax([
          ['GNU.sparse.size', String(whole.length)],
          ['GNU.sparse.numblocks', '2'],
          ...runs.flatMap(([position, length]) => [
            ['GNU.sparse.offset', String(position)] as const,
            ['GNU.sparse.numbytes', String(length)] as const,
          ]),
        ]),
        member({ name: 'sparse' }, stored),
        next,
      ),
    );
  });

  test('of PAX 0.1', () => {
    check(
      archive(
        pax([
          ['GNU.sparse.size', String(whole.length)],
          ['GNU.sparse.numblocks', '2'],
          ['GNU.sparse.name', 'sparse'],
          ['GNU.sparse.map', runs.join(',')],
        ]),
        member({ name: 'GNUSparseFile.0/sparse' }, stored),
        next,
      ),
    );
  });

  test('of PAX 1.0, whose map is in the body', () => {
    const map = Buffer.alloc(512);
    map.write(`2\n${runs.flat().join('\n')}\n`);
    check(
      archive(
        pax([
          ['GNU.sparse.major', '1'],
          ['GNU.sparse.minor', '0'],
          ['GNU.sparse.name', 'sparse'],
          ['GNU.sparse.realsize', String(whole.length)],
        ]),
        member({ name: 'GNUSparseFile.0/sparse' }, Buffer.concat([map, Buffer.from(stored)])),
        next,
      ),
    );
  });

  test('that are one hole', () => {
    const patches = [[386, gnuMap([[whole.length, 0]])], realSize] as const;
    expect(onlyFile(archive(member({ ...gnuHeader, patches })))).toMatchObject({
      size: whole.length,
      extents: [],
      digest: digest(Buffer.alloc(whole.length)),
    });
  });

  const zero1 = (map: string, size = '100', count = '1') =>
    archive(
      pax([
        ['GNU.sparse.size', size],
        ['GNU.sparse.numblocks', count],
        ['GNU.sparse.map', map],
      ]),
      member({ name: 'x' }, 'abcd'),
    );
  const one0 = (text: string, records: readonly (readonly [string, string])[] = []) => {
    const map = Buffer.alloc(512);
    map.write(text);
    return archive(
      pax([
        ['GNU.sparse.major', '1'],
        ['GNU.sparse.minor', '0'],
        ['GNU.sparse.realsize', '100'],
        ...records,
      ]),
      member({ name: 'x' }, map),
    );
  };

  test.each([
    ['runs overlap', zero1('0,2,1,2', '100', '2')],
    ['a run ends behind the file', zero1('98,4')],
    ['runs are less than what is stored', zero1('0,3')],
    ['runs are more than what is stored', zero1('0,5')],
    ['the map is no numbers', zero1('0,x')],
    ['the map has an odd number', zero1('0')],
    ['the count of runs is wrong', zero1('0,4', '100', '2')],
    ['the size is no number', zero1('0,4', '-1')],
    ['the map in the body is no number', one0('x\n')],
    ['the map in the body is cut off', one0('9\n1\n')],
    ['the format is unknown', one0('0\n', [['GNU.sparse.minor', '7']])],
    [
      'a directory is sparse',
      archive(
        pax([
          ['GNU.sparse.size', '0'],
          ['GNU.sparse.numblocks', '0'],
          ['GNU.sparse.map', ''],
        ]),
        member({ name: 'x', type: '5' }),
      ),
    ],
    [
      'the real size is below zero',
      archive(member({ ...gnuHeader, patches: [[483, base256(-1n, 12)]] })),
    ],
  ])('as corrupt when %s', (_, tar) => {
    expect(failure(tar).code).toBe('LAYER_CORRUPT');
  });
});

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
    ['a hard link with a body', archive(member({ name: 'x', type: '1', linkname: 'y' }, 'body'))],
    ['an unknown type', archive(member({ name: 'x', type: 'V' }))],
    ['a header after one zero block', archive(zeroBlock, member({ name: 'x' }))],
    ['an extended header before the end', archive(pax([['path', 'x']]))],
    ['an extended header and no more', pax([['path', 'x']])],
    ['a header cut off', member({ name: 'x' }).subarray(0, 200)],
    ['a body cut off', member({ name: 'x' }, 'body').subarray(0, 514)],
    ['padding cut off', member({ name: 'x' }, 'body').subarray(0, 600)],
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
      ['GNU.sparse.numblocks', '0'],
      ['GNU.sparse.map', ''],
    ]),
    member({ name: 'x' }),
  );
  const bigMap = Buffer.alloc(1024, '1\n');
  bigMap.write('600\n');
  const chained = Buffer.alloc(512);
  chained.set(gnuMap(Array.from({ length: 21 }, (_, at) => [at * 10, 1] as const)));
  chained[504] = 1;
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
});

describe('createTarReader gives the same entries', () => {
  const map = Buffer.alloc(512);
  map.write('2\n100\n4\n700\n2\n');
  const tar = Buffer.concat([
    archive(
      member({ name: './', type: '5' }),
      pax([
        ['SCHILY.xattr.user.x', Buffer.alloc(700, 0xff)],
        ['path', 'p'.repeat(600)],
      ]),
      member({ name: 'x' }, Buffer.alloc(1500, 'q')),
      gnuLong('L', 'n'.repeat(513)),
      member({ name: 'x' }, 'short'),
      pax([
        ['GNU.sparse.major', '1'],
        ['GNU.sparse.minor', '0'],
        ['GNU.sparse.name', 'sparse'],
        ['GNU.sparse.realsize', '1000'],
      ]),
      member({ name: 'x' }, Buffer.concat([map, Buffer.from('abcdef')])),
      member({ name: 'l', type: '2', linkname: 'target' }),
      member({ name: 'd/.wh..wh..opq' }),
    ),
    Buffer.alloc(3000, 'trailer'),
  ]);
  const whole = read(tar);

  test('when every byte comes alone', () => {
    expect(read(tar, {}, new Array(tar.length).fill(1))).toEqual(whole);
  });

  test('however the bytes are split', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 1500 }), { maxLength: 40 }), (sizes) => {
        expect(read(tar, {}, sizes)).toEqual(whole);
      }),
    );
  });

  test('or fails as a StoreError, whatever byte is changed', () => {
    fc.assert(
      fc.property(fc.nat(tar.length - 1), fc.integer({ min: 0, max: 255 }), (at, byte) => {
        const changed = Buffer.from(tar);
        changed[at] = byte;
        try {
          read(changed);
        } catch (error) {
          expect(error).toBeInstanceOf(StoreError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('or fails as a StoreError, wherever it is cut off', () => {
    for (let length = 1; length < 6000; length += 131) {
      try {
        read(tar.subarray(0, length));
      } catch (error) {
        expect(error).toBeInstanceOf(StoreError);
      }
    }
  });
});

describe('tarHeader', () => {
  const name = fc
    .uint8Array({ minLength: 1, maxLength: 130 })
    .map((bytes) => decodeName(bytes.map((byte) => (byte === 0 || byte === 0x2f ? 0x41 : byte))))
    .filter((text) => text !== '.' && text !== '..' && !text.startsWith('.wh.'));
  const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join('/'));
  const attributes = fc.record({
    mode: fc.integer({ min: 0, max: 0o7777 }),
    uid: fc.integer({ min: 0, max: 0xffff_ffff }),
    gid: fc.integer({ min: 0, max: 0xffff_ffff }),
    mtime: fc.oneof(
      fc.integer({ min: -(2 ** 40), max: 2 ** 40 }),
      fc.integer({ min: -(2 ** 40), max: 2 ** 40 }).map((n) => n / 1000),
    ),
  });
  const xattrs = fc
    .dictionary(fc.stringMatching(/^user\.[a-z]{1,20}$/), fc.uint8Array(), { minKeys: 1 })
    .map((record) =>
      Object.fromEntries(
        Object.entries(record).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
      ),
    );
  const item: fc.Arbitrary<LayerItem> = fc.oneof(
    fc.tuple(path, fc.uint8Array(), attributes).map(([p, bytes, a]) => file(p, bytes, a)),
    fc.tuple(path, attributes, xattrs).map(([p, a, x]) => directory(p, { ...a, xattrs: x })),
    fc.tuple(path, path, attributes).map(([p, target, a]) => symlink(p, `/${target}/..`, a)),
    fc.tuple(path, path, attributes).map(([p, target, a]) => hardlink(p, target, a)),
    fc.tuple(path, fc.nat(4095), fc.nat(255)).map(([p, a, b]) => special(p, 'block', a, b)),
    path.map(whiteout),
    path.map(opaque),
  );

  test('is read back as it was written', () => {
    fc.assert(
      fc.property(fc.array(item, { maxLength: 6 }), (items) => {
        const tar = layerTar([directory(''), ...items]);
        const entries = read(tar);
        expect(entries).toHaveLength(items.length + 1);
        for (const [at, { entry, bytes }] of items.entries()) {
          const found = entries[at + 1];
          expect(found).toMatchObject(entry);
          if (found?.kind === 'file') {
            expect(contentOf(tar, found)).toEqual(Buffer.from(bytes));
            expect(found.digest).toBe(digest(bytes));
          }
        }
      }),
    );
  });

  test('gives one plain ustar block when ustar can say it', () => {
    expect(tarHeader(file(`${'d'.repeat(150)}/${'n'.repeat(100)}`, 'x').entry)).toHaveLength(512);
    expect(tarHeader(file('d'.repeat(101), 'x').entry)).toHaveLength(3 * 512);
  });

  test('is understood by GNU tar and node-tar', async () => {
    const long = `${'p/'.repeat(150)}file`;
    const items = [
      directory('d', { mtime: 1.5 }),
      file(long, 'deep', { uid: 3_000_000 }),
      symlink('l', 't'.repeat(150)),
      hardlink('h', long),
      whiteout('d/gone'),
    ];
    const names = ['d/', long, 'l', 'h', 'd/.wh.gone'];
    const tar = layerTar(items);
    const listed = execFileSync('tar', ['-tf', '-'], { input: tar, encoding: 'utf8' });
    expect(listed.trim().split('\n')).toEqual(names);
    const members = await nodeTar(tar);
    expect(members.map((found) => found.path)).toEqual(names);
    expect(members.map((found) => found.linkpath)).toEqual(['', '', 't'.repeat(150), long, '']);
    expect(members[1]?.uid).toBe(3_000_000);
  });
});

interface NodeTarMember {
  readonly path: string;
  readonly type: string;
  readonly size: number;
  readonly mode: number;
  readonly uid: number;
  readonly mtime: number;
  readonly linkpath: string;
  readonly digest: string;
}

async function nodeTar(tar: Uint8Array): Promise<NodeTarMember[]> {
  const members: NodeTarMember[] = [];
  const parser = new Parser({ strict: true });
  const ended = new Promise<void>((resolve, reject) => {
    parser.on('end', resolve);
    parser.on('error', reject);
  });
  parser.on('entry', (entry) => {
    const hash = createHash('sha256');
    entry.on('data', (chunk: Buffer) => hash.update(chunk));
    entry.on('end', () =>
      members.push({
        path: entry.path,
        type: entry.type,
        size: entry.size,
        mode: entry.mode ?? 0,
        uid: entry.uid ?? 0,
        mtime: (entry.mtime?.getTime() ?? 0) / 1000,
        linkpath: entry.linkpath ?? '',
        digest: `sha256:${hash.digest('hex')}`,
      }),
    );
  });
  parser.end(Buffer.from(tar));
  await ended;
  return members;
}

describe('createTarReader agrees with other tools', () => {
  let folder = '';
  const sparse = 'sparse file';
  const sparseSize = 3_000_000;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'osv-convert-tar-'));
    const at = (name: string) => join(folder, name);
    mkdirSync(at('deep/'.repeat(40)), { recursive: true });
    writeFileSync(at(`${'deep/'.repeat(40)}file`), 'content');
    writeFileSync(at('grüße'), Buffer.alloc(70_000, 'ß'));
    writeFileSync(at('empty'), '');
    writeFileSync(at('x'.repeat(200)), 'long');
    symlinkSync('../y'.repeat(60), at('symlink'));
    linkSync(at('grüße'), at('hardlink'));
    execFileSync('touch', ['-d', '@-12.25', at('empty')]);
    const fd = openSync(at(sparse), 'w');
    for (let run = 0; run < 60; run += 1) {
      writeSync(fd, Buffer.alloc(4096, run + 1), 0, 4096, run * 40_960);
    }
    ftruncateSync(fd, sparseSize);
    closeSync(fd);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const gnuTar = (...options: readonly string[]) =>
    execFileSync('tar', ['-c', ...options, '-C', folder, '.'], { maxBuffer: 2 ** 26 });

  test.each(['v7', 'ustar', 'gnu', 'posix'])(
    'node-tar on a tree packed by GNU tar as %s',
    async (format) => {
      const skipped =
        format === 'v7' ? ['--exclude=deep', '--exclude=xxx*', '--exclude=symlink'] : [];
      const ustar = format === 'ustar' ? ['--exclude=xxx*', '--exclude=symlink'] : [];
      const old = format === 'v7' || format === 'ustar' ? ['--exclude=empty'] : [];
      const tar = gnuTar(`--format=${format}`, `--exclude=${sparse}`, ...skipped, ...ustar, ...old);
      const theirs = await nodeTar(tar);
      const ours = read(tar);
      expect(ours.length).toBeGreaterThan(2);
      expect(ours.map((entry) => entry.path)).toEqual(
        theirs.map((found) => found.path.replace(/^\.\//, '').replace(/\/$/, '')),
      );
      for (const [at, entry] of ours.entries()) {
        const their = theirs[at];
        if (entry.kind === 'file') {
          expect(entry).toMatchObject({ size: their?.size, digest: their?.digest });
        }
        if (entry.kind === 'symlink') {
          expect(entry.target).toBe(their?.linkpath);
        }
        if (entry.kind !== 'whiteout' && entry.kind !== 'opaque') {
          expect([entry.mode, entry.uid]).toEqual([their?.mode, their?.uid]);
        }
        if (entry.kind !== 'whiteout' && entry.kind !== 'opaque' && entry.path !== 'empty') {
          // node-tar keeps milliseconds.
          expect(Math.abs(entry.mtime - (their?.mtime ?? 0))).toBeLessThan(0.001);
        }
      }
    },
  );

  test.each([
    ['gnu', []],
    ['posix', ['--sparse-version=0.0']],
    ['posix', ['--sparse-version=0.1']],
    ['posix', ['--sparse-version=1.0']],
  ])('the file system on a sparse file packed by GNU tar as %s %j', (format, options) => {
    const tar = gnuTar('--sparse', `--format=${format}`, ...options);
    const entry = read(tar).find(({ path }) => path === sparse);
    if (entry?.kind !== 'file') {
      throw new Error('wanted the sparse file');
    }
    const bytes = readFileSync(join(folder, sparse));
    expect(entry.extents?.length).toBeGreaterThan(50);
    expect(entry).toMatchObject({ size: sparseSize, digest: digest(bytes) });
    expect(contentOf(tar, entry).equals(bytes)).toBe(true);
  });

  test('GNU tar on times before 1970', () => {
    for (const [format, mtime] of [
      ['gnu', -13],
      ['posix', -12.25],
    ] as const) {
      const entry = read(gnuTar(`--format=${format}`)).find(({ path }) => path === 'empty');
      expect(entry).toMatchObject({ mtime });
    }
  });
});
