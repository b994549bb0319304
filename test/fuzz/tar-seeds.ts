import { Buffer } from 'node:buffer';
import { decodeName } from '../../store/index.ts';
import * as item from '../support/layers.ts';
import { archive, base256, gnuLong, gnuMap, header, member, pax } from '../support/tar-builder.ts';

const words = Buffer.from('content '.repeat(100));

/** Sound tars of every dialect, small, with as many kinds of members as they can have. */
export function tarSeeds(): readonly Uint8Array[] {
  return [v7(), ustar(), paxed(), gnu(), oldSparse(), ...paxSparse(), written(), archive()];
}

function v7(): Uint8Array {
  const magic = 'v7';
  return archive(
    member({ name: 'folder/', type: '\0', magic }),
    member({ name: 'folder/file', type: '\0', magic, mode: 0o600, uid: 7 }, words),
    member({ name: 'link', type: '2', magic, linkname: '../up' }),
    member({ name: 'hard', type: '1', magic, linkname: 'folder/file' }),
    member({ name: 'signed', magic, checksum: 'signed' }, 'x'),
  );
}

function ustar(): Uint8Array {
  const device = [
    [329, '0000010\0'],
    [337, '0000003\0'],
  ] as const;
  return archive(
    member({ name: './', type: '5', mode: 0o1777 }),
    member({ name: 'name', prefix: 'long/prefix', mtime: 1_700_000_000 }, words.subarray(0, 512)),
    member({ name: 'device', type: '3', patches: device }),
    member({ name: 'disk', type: '4', patches: device }),
    member({ name: 'pipe', type: '6' }),
    member({ name: 'next', type: '7' }, 'contiguous'),
    member({ name: 'folder/.wh.gone' }),
    member({ name: 'folder/.wh..wh..opq' }),
    member({ name: '.wh..wh.plnk/1.2' }),
  );
}

function paxed(): Uint8Array {
  return archive(
    pax([['comment', 'global']], 'g'),
    pax([
      ['path', `${'p'.repeat(90)}/${'q'.repeat(90)}`],
      ['mtime', '-12.25'],
      ['uid', '3000000000'],
      ['size', '5'],
      ['SCHILY.xattr.user.a', Buffer.from([0, 0x3d, 0x0a, 0xff])],
      ['SCHILY.xattr.security.capability', 'x'],
    ]),
    member({ name: 'short' }, 'hello'),
    pax([['linkpath', '/l'.repeat(80)]]),
    member({ name: 'link', type: '2' }),
    pax([['path', Buffer.from([0x66, 0xff])]]),
    member({ name: 'bytes' }, 'x'),
  );
}

function gnu(): Uint8Array {
  const magic = 'gnu';
  const numbers = [
    [108, base256(3_000_000n, 8)],
    [136, base256(-5n, 12)],
  ] as const;
  return archive(
    gnuLong('L', `${'n'.repeat(120)}/file`),
    gnuLong('K', 'k'.repeat(130)),
    member({ name: 'n', type: '2', magic }),
    gnuLong('L', 'hard/'.repeat(30).concat('x')),
    member({ name: 'n', magic, patches: numbers }, words),
    member({ name: 'hard', type: '1', magic, linkname: 'n'.repeat(100) }),
  );
}

function oldSparse(): Uint8Array {
  const runs = (count: number, from: number) =>
    gnuMap(Array.from({ length: count }, (_, i) => [(from + i) * 1024, 512] as const));
  const more = Buffer.alloc(512);
  runs(3, 4).copy(more);
  const octal = (value: number) => `${value.toString(8).padStart(11, '0')}\0`;
  const patches = [
    [386, runs(4, 0)],
    [482, Buffer.of(1)],
    [483, octal(8192)],
  ] as const;
  const last = [
    [386, gnuMap([[100, 10]])],
    [483, octal(1000)],
  ] as const;
  const body = Buffer.alloc(7 * 512, 'run');
  return archive(
    header({ name: 'sparse', type: 'S', magic: 'gnu', patches }, body.length),
    more,
    body,
    member({ name: 'last', type: 'S', magic: 'gnu', patches: last }, '0123456789'),
    member({ name: 'after' }, 'x'),
  );
}

function paxSparse(): readonly Uint8Array[] {
  const map = [
    ['GNU.sparse.offset', '0'],
    ['GNU.sparse.numbytes', '5'],
    ['GNU.sparse.offset', '1000'],
    ['GNU.sparse.numbytes', '5'],
  ] as const;
  const size = [
    ['GNU.sparse.size', '2000'],
    ['GNU.sparse.numblocks', '2'],
  ] as const;
  const first = [
    ['GNU.sparse.major', '1'],
    ['GNU.sparse.minor', '0'],
    ['GNU.sparse.name', 'real'],
    ['GNU.sparse.realsize', '2000'],
  ] as const;
  const lines = Buffer.alloc(512);
  lines.write('2\n0\n5\n1000\n5\n');
  const after = member({ name: 'after' }, 'x');
  return [
    archive(pax([...size, ...map]), member({ name: 'sparse' }, 'helloworld'), after),
    archive(
      pax([...size, ['GNU.sparse.name', 'real'], ['GNU.sparse.map', '0,5,1000,5']]),
      member({ name: 'sparse' }, 'helloworld'),
      after,
    ),
    archive(
      pax(first),
      member({ name: 'sparse' }, Buffer.concat([lines, Buffer.from('helloworld')])),
      after,
    ),
  ];
}

/** As our own writer has it. */
function written(): Uint8Array {
  const runs = [
    { position: 0, length: 512 },
    { position: 4096, length: 5 },
  ];
  const sparse = { ...item.file('sparse', '').entry, kind: 'file', size: 9000, runs } as const;
  return item.layerTar([
    item.directory(''),
    item.file('file', words, { mtime: 0.5, uid: 2 ** 32 - 1, xattrs: { 'user.a': 'AAE=' } }),
    item.file(decodeName(Buffer.alloc(200, 0xff)), 'x'),
    item.symlink('link', 't'.repeat(101)),
    item.hardlink('hard', 'file'),
    item.special('device', 'block', 2 ** 30, 5),
    item.whiteout('gone'),
    item.opaque('folder'),
    {
      entry: { ...sparse, path: 'sparse' } as item.LayerItem['entry'],
      bytes: words.subarray(0, 517),
    },
  ]);
}
