import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeName,
  defaultLimits,
  type Entry,
  encodeName,
  type FileEntry,
  type Limits,
  StoreError,
} from '../../../store/index.ts';
import { createTarReader } from '../../../store/tar/reader.ts';
import { contentOf, readTar, sha256Of } from '../../support/read-tar.ts';
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

function only(tar: Uint8Array): Entry {
  const [entry, ...more] = readTar(tar);
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

function failure(tar: Uint8Array, limits: Partial<Limits> = {}): StoreError {
  try {
    readTar(tar, limits);
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
      digest: sha256Of('hello'),
    });
  });

  test('an empty file when it has no body', () => {
    expect(onlyFile(archive(member({ name: 'a' })))).toMatchObject({
      size: 0,
      digest: sha256Of(''),
    });
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
    expect(readTar(tar).map((entry) => [entry.path, entry.kind])).toEqual([
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
    const times = '07346545000\x0007346545000';
    expect(only(archive(member({ name: 'b', prefix: times, magic: 'gnu' }))).path).toBe('b');
    expect(only(archive(member({ name: 'b', prefix: 'a', magic: 'v7' }))).path).toBe('b');
  });

  test('a prefix that Go put in the place of the times of GNU, as Go does', () => {
    const path = (prefix: string) =>
      only(archive(member({ name: 'b', prefix, magic: 'gnu' }))).path;
    expect(path('var/lib')).toBe('var/lib/b');
    expect(path(`07346545000\0${'x'.repeat(12)}`)).toBe('07346545000/b');
    expect(path('grüße')).toBe('b');
  });

  test('the shorter prefix of star, whose times follow it', () => {
    const prefix = `${'p'.repeat(131)}07346545000 07346545000 `;
    const raw = { name: 'b', prefix, patches: [[508, 'tar\0']] } as const;
    expect(only(archive(member(raw))).path).toBe(`${'p'.repeat(131)}/b`);
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
    expect(readTar(tar).map(({ path }) => path)).toEqual(['x', 'y']);
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

  test.each([
    ['of a local header the last, whole', [pax([['uid', '1']]), pax([['gid', '2']])], [0, 2, 'x']],
    ['a GNU name before a local header', [gnuLong('L', 'n'), pax([['uid', '1']])], [1, 0, 'n']],
    [
      'no local header before a global one',
      [pax([['uid', '1']]), pax([['a', 'b']], 'g')],
      [0, 0, 'x'],
    ],
    [
      'a local header behind a global one',
      [pax([['uid', '7']], 'g'), pax([['uid', '1']])],
      [1, 0, 'x'],
    ],
    ['of GNU names the last', [gnuLong('L', 'm'), gnuLong('L', 'n')], [0, 0, 'n']],
    [
      'bytes as names whatever their character set is said to be',
      [
        pax([
          ['hdrcharset', 'BINARY'],
          ['path', Buffer.from([0xfe])],
        ]),
      ],
      [0, 0, '\udcfe'],
    ],
    [
      'no attribute that only bsdtar knows',
      [pax([['LIBARCHIVE.xattr.user.x', Buffer.from('value').toString('base64')]])],
      [0, 0, 'x'],
    ],
  ] as const)('%s', (_, extensions, [uid, gid, path]) => {
    const entry = onlyFile(archive(...extensions, member({ name: 'x' })));
    expect(entry).toMatchObject({ uid, gid, path });
    expect(entry.xattrs).toBeUndefined();
  });

  test('no member in the label of a volume', () => {
    const tar = archive(member({ name: '../a label', type: 'V' }), member({ name: 'x' }));
    expect(only(tar).path).toBe('x');
  });

  test('a device without numbers in a v7 header, behind which nothing is certain', () => {
    const raw = { name: 'c', type: '3', magic: 'v7', patches: [[329, 'junk']] } as const;
    expect(only(archive(header(raw)))).toMatchObject({ major: 0, minor: 0 });
  });

  test.each([
    ['shorter than a block', 'body'],
    ['of one block', 'b'.repeat(512)],
    ['of several blocks', 'body'.repeat(500)],
  ])('a hard link with a body %s', (_, body) => {
    const link = member({ name: 'link', type: '1', linkname: 'file' }, body);
    const paths = (tar: Buffer) => readTar(tar).map(({ path, kind }) => `${kind} ${path}`);
    const next = member({ name: 'next' }, 'n');
    const expected = ['hardlink link', 'file next'];
    expect(paths(archive(link, next))).toEqual(expected);
    const inPax = header({ name: 'link', type: '1', linkname: 'file' });
    const sized = Buffer.concat([pax([['size', `${body.length}`]]), inPax, link.subarray(512)]);
    expect(paths(archive(sized, next))).toEqual(expected);
    expect(paths(link)).toEqual(['hardlink link']);
    expect(failure(link.subarray(0, -1)).code).toBe('LAYER_CORRUPT');
  });

  test('a hard link without a body, whatever size it claims, before whatever a tar has next', () => {
    const link = header({ name: 'link', type: '1', linkname: 'file', size: 1024 });
    for (const next of [
      member({ name: 'next' }, 'n'),
      Buffer.concat([pax([['uid', '1']]), member({ name: 'next' })]),
      Buffer.concat([link, member({ name: 'next', type: '5' })]),
    ]) {
      expect(readTar(archive(link, next)).at(-1)).toMatchObject({ path: 'next' });
    }
    expect(readTar(archive(link))).toHaveLength(1);
    expect(readTar(link)).toHaveLength(1);
    // As Go reads it: zeros end the tar, be they meant as a body or not.
    expect(readTar(archive(link, Buffer.alloc(1024), member({ name: 'body' })))).toHaveLength(1);
  });

  test('no body behind a folder, symlink or device that has a size, also in PAX', () => {
    for (const type of ['2', '3', '4', '5', '6']) {
      const raw = header({ name: 'x', type, linkname: 'y', size: 700 });
      const tar = archive(pax([['size', '900']]), raw, member({ name: 'next' }, 'n'));
      expect(readTar(tar).map(({ path }) => path)).toEqual(['x', 'next']);
    }
  });

  test('nothing behind the two zero blocks', () => {
    const tar = Buffer.concat([
      archive(member({ name: 'a' })),
      archive(member({ name: 'smuggled' })),
    ]);
    expect(readTar(tar).map(({ path }) => path)).toEqual(['a']);
  });

  test.each([
    ['no end at all', member({ name: 'a' })],
    ['one zero block', Buffer.concat([member({ name: 'a' }), zeroBlock])],
    [
      'a partial block of zeros behind the end',
      Buffer.concat([archive(member({ name: 'a' })), Buffer.alloc(7)]),
    ],
  ])('a tar with %s', (_, tar) => {
    expect(readTar(tar)).toHaveLength(1);
  });

  test('no entries when there are no bytes', () => {
    expect(readTar(new Uint8Array())).toEqual([]);
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
      expect(readTar(archive(member({ name }, 'body'), member({ name: 'next' })))).toHaveLength(1);
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
    const [sparse, after] = readTar(tar);
    if (sparse?.kind !== 'file') {
      throw new Error('wanted a file');
    }
    expect(sparse).toMatchObject({ path: 'sparse', size: whole.length, digest: sha256Of(whole) });
    expect(sparse.extents).toHaveLength(2);
    expect(sparse.offset).toBe(sparse.extents?.[0]?.offset);
    expect(contentOf(tar, sparse)).toEqual(whole);
    expect(after).toMatchObject({ path: 'next', digest: sha256Of('n') });
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
      digest: sha256Of(Buffer.alloc(whole.length)),
    });
  });

  test('of PAX whose size is said in PAX too, and of which the header knows none', () => {
    const records = [
      ['GNU.sparse.major', '0'],
      ['GNU.sparse.minor', '1'],
      ['GNU.sparse.realsize', String(whole.length)],
      ['GNU.sparse.numblocks', '2'],
      ['GNU.sparse.map', runs.join(',')],
      ['size', String(stored.length)],
    ] as const;
    const body = member({ name: 'x' }, stored).subarray(512);
    check(archive(pax(records), header({ name: 'sparse' }), body, next));
  });

  test('of old GNU tar by their header, whatever PAX says of another map', () => {
    const patches = [[386, gnuMap(runs)], realSize] as const;
    const records = [
      ['GNU.sparse.name', 'other'],
      ['GNU.sparse.map', '0,10'],
      ['GNU.sparse.numblocks', '1'],
      ['GNU.sparse.size', '10'],
    ] as const;
    check(archive(pax(records), member({ ...gnuHeader, patches }, stored), next));
  });

  test('of no bytes at all', () => {
    const none = { size: 0, extents: [], digest: sha256Of('') };
    expect(onlyFile(one0('1\n0\n0\n', [['GNU.sparse.realsize', '0']]))).toMatchObject(none);
    expect(onlyFile(one0('0\n', [['GNU.sparse.realsize', '0']]))).toMatchObject(none);
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
    ['the map in the body has a line without an end', one0('0'.repeat(512))],
    ['a line of the map in the body goes on for ever', one0(`2\n${'0'.repeat(510)}`)],
    ['the format is unknown', one0('0\n', [['GNU.sparse.minor', '7']])],
    ['half of the format is missing', one0('0\n', [['GNU.sparse.minor', '']])],
    ['it has two sizes', one0('0\n', [['GNU.sparse.size', '99']])],
    ['there is a size and no map', archive(pax([['GNU.sparse.size', '9']]), member({ name: 'x' }))],
    ['there is a name and no map', archive(pax([['GNU.sparse.name', 'y']]), member({ name: 'x' }))],
    [
      'lengths come before offsets',
      archive(
        pax([
          ['GNU.sparse.size', '9'],
          ['GNU.sparse.numblocks', '1'],
          ['GNU.sparse.numbytes', '4'],
          ['GNU.sparse.offset', '0'],
        ]),
        member({ name: 'x' }, 'abcd'),
      ),
    ],
    [
      'two numbers are in one',
      archive(
        pax([
          ['GNU.sparse.size', '9'],
          ['GNU.sparse.numblocks', '1'],
          ['GNU.sparse.offset', '0,4'],
        ]),
        member({ name: 'x' }, 'abcd'),
      ),
    ],
    ['the header is no GNU one', archive(member({ name: 'x', type: 'S' }))],
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

describe('createTarReader gives the same entries', () => {
  const map = Buffer.alloc(512);
  map.write('2\n100\n4\n700\n2\n');
  const continued = Buffer.alloc(512);
  continued.set(gnuMap([[900, 2]]));
  const gnuRuns = [
    [386, gnuMap([[10, 4]])],
    [482, '\x01'],
    [483, '00000002000\0'],
  ] as const;
  /** Each with what belongs to it. */
  const members = [
    [member({ name: './', type: '5' })],
    [
      pax([
        ['SCHILY.xattr.user.x', Buffer.alloc(700, 0xff)],
        ['path', 'p'.repeat(600)],
      ]),
      member({ name: 'x' }, Buffer.alloc(1500, 'q')),
    ],
    [gnuLong('L', 'n'.repeat(513)), member({ name: 'x' }, 'short')],
    [
      pax([
        ['GNU.sparse.major', '1'],
        ['GNU.sparse.minor', '0'],
        ['GNU.sparse.name', 'sparse'],
        ['GNU.sparse.realsize', '1000'],
      ]),
      member({ name: 'x' }, Buffer.concat([map, Buffer.from('abcdef')])),
    ],
    [
      header({ name: 'old', type: 'S', magic: 'gnu', patches: gnuRuns }, 6),
      continued,
      Buffer.alloc(512, 'a'),
    ],
    [member({ name: 'l', type: '2', linkname: 'target' })],
    [member({ name: 'h', type: '1', linkname: 'x' }, Buffer.alloc(600, 'b'))],
    [member({ name: 'd/.wh..wh..opq' })],
  ].map((parts) => Buffer.concat(parts));
  const tar = Buffer.concat([archive(...members), Buffer.alloc(3000, 'trailer')]);
  const whole = readTar(tar);

  test('when every byte comes alone', () => {
    expect(readTar(tar, {}, new Array(tar.length).fill(1))).toEqual(whole);
  });

  test('however the bytes are split', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 1500 }), { maxLength: 40 }), (sizes) => {
        expect(readTar(tar, {}, sizes)).toEqual(whole);
      }),
    );
  });

  test('or fails as a StoreError, whatever byte is changed', () => {
    fc.assert(
      fc.property(fc.nat(tar.length - 1), fc.integer({ min: 0, max: 255 }), (at, byte) => {
        const changed = Buffer.from(tar);
        changed[at] = byte;
        try {
          readTar(changed);
        } catch (error) {
          expect(error).toBeInstanceOf(StoreError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('up to where it is cut off between members or in their padding, and fails as LAYER_CORRUPT anywhere else', () => {
    // Behind the bodies of the members above: of 1500 bytes, 5, 518 with the map, 6.
    const paddings = [0, 36, 507, 506, 506, 0, 0, 0];
    let end = 0;
    const ends = members.map(({ length }) => {
      end += length;
      return end;
    });
    const isInPadding = (length: number): boolean =>
      ends.some((at, index) => length <= at && length >= at - (paddings[index] ?? 0));
    // A hard link without the body it claims is whole.
    const linkEnd = end - 512 - 1024;
    const found: Entry[] = [];
    const reader = createTarReader((entry) => found.push(entry), defaultLimits);
    for (let length = 1; length <= end; length += 1) {
      reader.push(tar.subarray(length - 1, length));
      if (isInPadding(length) || length === linkEnd) {
        reader.end();
      } else {
        expect(() => reader.end()).toThrow(expect.objectContaining({ code: 'LAYER_CORRUPT' }));
      }
      const at = ends.indexOf(length);
      if (at !== -1) expect(found).toEqual(whole.slice(0, at + 1));
    }
  });
});
