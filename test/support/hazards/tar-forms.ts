import { Buffer } from 'node:buffer';
import { archive, base256, gnuLong, header, member, pax, zeroBlock } from '../tar-builder.ts';
import { file, folder, type Hazards, hardLink, layer, mtime, symlink } from './hazard.ts';

const long = `${'d'.repeat(60)}/${'e'.repeat(60)}/name`;
const farTarget = `/${'far/'.repeat(40)}target`;

/** What headers can look like, and how a tar can end. */
export const tarForms: Hazards = {
  'tar-v7': layer(
    file('a', 'v7', { magic: 'v7' }),
    member({ name: 'folder/', type: '\0', magic: 'v7', mode: 0o755, mtime }),
    member({ name: 'folder/b', type: '\0', magic: 'v7', mtime }, 'old type'),
  ),
  'tar-v7-junk-after-linkname': layer(file('a', 'v7', { magic: 'v7', prefix: 'no prefix' })),
  'tar-ustar-prefix': layer(file('name', 'prefixed', { prefix: 'a/prefix' })),
  'tar-ustar-prefix-of-155-bytes': layer(
    file('n'.repeat(100), 'long', { prefix: `${'p'.repeat(77)}/${'q'.repeat(77)}` }),
  ),
  'tar-ustar-name-of-100-bytes': layer(file('n'.repeat(100), 'no NUL')),
  'tar-gnu-times-in-place-of-prefix': layer(
    file('a', 'times', { magic: 'gnu', prefix: '07346545000\x0007346545000' }),
  ),
  'tar-gnu-long-name': layer(gnuLong('L', long), file('cut off', 'long name')),
  'tar-gnu-long-link': layer(gnuLong('K', farTarget), symlink('a', 'cut off')),
  'tar-gnu-long-name-and-link': layer(
    gnuLong('K', farTarget),
    gnuLong('L', long),
    symlink('cut off', 'cut off'),
  ),
  'tar-gnu-long-name-over-pax-path': layer(
    pax([['path', 'of-pax']]),
    gnuLong('L', 'of-gnu'),
    file('of-header', ''),
  ),
  'tar-pax-path': layer(pax([['path', long]]), file('cut off', 'pax')),
  'tar-pax-linkpath': layer(pax([['linkpath', farTarget]]), symlink('a', 'cut off')),
  'tar-pax-linkpath-of-hard-link': layer(
    pax([['path', long]]),
    file('cut off', 'linked'),
    pax([['linkpath', long]]),
    hardLink('b', 'cut off'),
  ),
  'tar-pax-size': layer(
    pax([['size', '5']]),
    header({ name: 'a', mtime, size: 0 }),
    Buffer.from('12345'.padEnd(512, '\0')),
    file('next', 'n'),
  ),
  'tar-pax-owner': layer(
    pax([
      ['uid', '3000000'],
      ['gid', '4294967294'],
    ]),
    file('a', '', { uid: 1, gid: 1 }),
  ),
  'tar-pax-mtime-fraction': layer(pax([['mtime', '1234567890.123456789']]), file('a')),
  'tar-pax-mtime-negative': layer(pax([['mtime', '-12.25']]), file('a')),
  'tar-pax-unknown-keys': layer(
    pax([
      ['comment', 'of nobody'],
      ['atime', '1.5'],
      ['ctime', '1.5'],
      ['VENDOR.key', 'value=with\nlines'],
      ['hdrcharset', 'BINARY'],
    ]),
    file('a', 'known'),
  ),
  'tar-pax-xattr-of-any-bytes': layer(
    pax([
      ['SCHILY.xattr.user.bytes', Buffer.from([0, 10, 61, 0xff, 0])],
      ['SCHILY.xattr.user.a=b', 'in the key'],
    ]),
    file('a'),
  ),
  'tar-pax-xattr-of-no-bytes': layer(pax([['SCHILY.xattr.user.empty', '']]), file('a')),
  'tar-pax-empty-value-is-none': layer(
    pax([
      ['path', ''],
      ['mtime', ''],
    ]),
    file('a', 'header counts'),
  ),
  'tar-pax-repeated-key': layer(
    pax([
      ['path', 'first'],
      ['path', 'last'],
    ]),
    file('of-header'),
  ),
  'tar-pax-global': layer(
    pax([['comment', '0123456789abcdef0123456789abcdef01234567']], 'g'),
    file('a', 'as git archives begin'),
  ),
  'tar-pax-global-path-and-owner': layer(
    pax(
      [
        ['uid', '77'],
        ['mtime', '77'],
      ],
      'g',
    ),
    file('a', 'not applied'),
  ),
  'tar-base256-owner': layer(
    file('a', '', {
      patches: [
        [108, base256(3_000_000n, 8)],
        [116, base256(0xffff_fffen, 8)],
      ],
    }),
  ),
  'tar-base256-size': layer(
    file('a', '12345', { patches: [[124, base256(5n, 12)]] }),
    file('next', 'n'),
  ),
  'tar-base256-mtime-negative': layer(file('a', '', { patches: [[136, base256(-1n, 12)]] })),
  'tar-checksum-of-signed-bytes': layer(
    file(Buffer.from('gr\u00fc\u00dfe'), 'signed', { checksum: 'signed' }),
  ),
  'tar-numbers-between-blanks': layer(
    file('a', '12345', {
      patches: [
        [100, '   644 \0'],
        [124, '         5 \0'],
      ],
    }),
  ),
  'tar-contiguous-file': layer(member({ name: 'a', type: '7', mtime }, 'type 7')),
  'tar-devices': layer(
    member({
      name: 'null',
      type: '3',
      mode: 0o666,
      mtime,
      patches: [
        [329, '0000001\0'],
        [337, '0000003\0'],
      ],
    }),
    member({
      name: 'disk',
      type: '4',
      mode: 0o660,
      mtime,
      patches: [
        [329, '0000376\0'],
        [337, '0000020\0'],
      ],
    }),
  ),
  'tar-fifo': layer(member({ name: 'pipe', type: '6', mode: 0o640, mtime })),
  'tar-folder-with-a-size': layer(folder('a', { size: 4096 }), file('a/b', 'next')),
  'tar-symlink-with-a-size': layer(symlink('a', 'b', { size: 1 }), file('b', 'next')),
  'tar-hard-link-with-a-size': layer(
    file('a', 'hello'),
    hardLink('b', 'a', { size: 5 }),
    file('c', 'next'),
  ),
  'tar-hard-link-with-a-body': layer(
    file('a', 'hello'),
    member({ name: 'b', type: '1', linkname: 'a', mtime }, 'hello'),
    file('c', 'next'),
  ),
  'tar-modes-of-all-bits': layer(
    file('setuid', '', { mode: 0o4755 }),
    file('setgid', '', { mode: 0o2755 }),
    folder('sticky', { mode: 0o1777 }),
    file('type-bits', '', { mode: 0o100644 }),
  ),
  'tar-mode-0000': layer(
    folder('closed', { mode: 0 }),
    file('closed/inside', 'reached', { mode: 0 }),
  ),
  'tar-owners': layer(
    file('a', '', { uid: 1654, gid: 33 }),
    folder('b', { uid: 65534 }),
    symlink('c', 'a', { uid: 5, gid: 6 }),
  ),
  'tar-empty': layer(),
  'tar-of-no-bytes': [Buffer.alloc(0)],
  'tar-end-missing': [file('a', 'no zero blocks')],
  'tar-end-of-one-block': [Buffer.concat([file('a', 'one zero block'), zeroBlock])],
  'tar-entries-after-the-end': [
    Buffer.concat([archive(file('a', 'counts')), archive(file('b', 'does not'))]),
  ],
  'tar-junk-after-the-end': [Buffer.concat([archive(file('a', 'counts')), Buffer.alloc(700, 'j')])],
  'tar-header-after-one-zero-block': [
    Buffer.concat([file('a'), zeroBlock, archive(file('b', 'behind'))]),
  ],
  'tar-cut-in-a-header': [file('a').subarray(0, 300)],
  'tar-cut-in-a-body': [file('a', 'b'.repeat(600)).subarray(0, 1024)],
  'tar-cut-in-the-padding': [file('a', 'body').subarray(0, 600)],
  'tar-wrong-checksum': layer(file('a', '', { checksum: 'wrong' })),
  'tar-unknown-type': layer(member({ name: 'a', type: 'Q', mtime })),
  'tar-gnu-multi-volume': layer(member({ name: 'a', type: 'M', magic: 'gnu', mtime }, 'rest')),
  'tar-extension-of-nothing': layer(file('a'), pax([['path', 'b']])),
  'tar-pax-record-too-long': layer(member({ name: 'pax', type: 'x' }, '99 path=b\n'), file('a')),
  'tar-pax-record-without-equals': layer(member({ name: 'pax', type: 'x' }, '7 path\n'), file('a')),
  'tar-number-that-is-none': layer(file('a', '', { patches: [[108, 'nobody\0\0']] })),
  'tar-size-negative': layer(file('a', '', { patches: [[124, base256(-1n, 12)]] })),
  'tar-size-beyond-53-bits': layer(file('a', '', { patches: [[124, base256(2n ** 60n, 12)]] })),
};
