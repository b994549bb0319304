import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { decodeName, encodeName } from '../../../store/index.ts';
import { readTar, sha256Of } from '../../support/read-tar.ts';
import {
  archive,
  base256,
  gnuLong,
  header,
  member,
  pax,
  zeroBlock,
} from '../../support/tar-builder.ts';
import { failure, only, onlyFile } from './read-one.ts';

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
