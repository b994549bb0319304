import { Buffer } from 'node:buffer';
import { crc32 } from 'node:zlib';
import { archive } from '../tar-builder.ts';
import { file, type Hazards, layer } from './hazard.ts';

const tar = archive(file('a', 'compressed'), file('b', 'c'.repeat(600)));
const [first, second] = [tar.subarray(0, 700), tar.subarray(700)];

/** A gzip member (RFC 1952) of one stored block: the same bytes with every version of zlib. */
function gzip(bytes: Uint8Array, flags = 0, fields: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.from([0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 0xff]);
  const tail = Buffer.alloc(8);
  tail.writeUInt32LE(crc32(bytes), 0);
  tail.writeUInt32LE(bytes.length, 4);
  const block = Buffer.from([1, 0, 0, 0, 0]);
  block.writeUInt16LE(bytes.length, 1);
  block.writeUInt16LE(bytes.length ^ 0xffff, 3);
  return Buffer.concat([head, fields, block, bytes, tail]);
}

/** A zstd frame (RFC 8878) of one raw block. */
function zstd(bytes: Uint8Array): Buffer {
  const head = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0, 0]);
  head.writeUInt32LE(bytes.length, 5);
  return Buffer.concat([head, zstdBlock(bytes)]);
}

function zstdBlock(bytes: Uint8Array): Buffer {
  const block = Buffer.alloc(3);
  block.writeUIntLE((bytes.length << 3) | 1, 0, 3);
  return Buffer.concat([block, bytes]);
}

function skippable(bytes: string, kind = 0): Buffer {
  const head = Buffer.from([0x50 + kind, 0x2a, 0x4d, 0x18, 0, 0, 0, 0]);
  head.writeUInt32LE(bytes.length, 4);
  return Buffer.concat([head, Buffer.from(bytes)]);
}

/** Wants 2 GiB of what was inflated to be kept. */
const wideWindow = Buffer.concat([
  Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, (31 - 10) << 3]),
  zstdBlock(tar),
]);

/** How a blob can be compressed, told by its bytes. */
export const compression: Hazards = {
  'gzip-of-one-member': [gzip(tar)],
  'gzip-of-two-members': [Buffer.concat([gzip(first), gzip(second)])],
  'gzip-with-an-empty-member': [Buffer.concat([gzip(first), gzip(Buffer.alloc(0)), gzip(second)])],
  'gzip-with-name-and-extra-field': [
    gzip(tar, 0b1100, Buffer.from('\x04\0SK\0\0layer.tar\0', 'latin1')),
  ],
  'gzip-then-zeros': [Buffer.concat([gzip(tar), Buffer.alloc(100)])],
  'gzip-then-garbage': [Buffer.concat([gzip(tar), Buffer.from('garbage')])],
  'gzip-cut-off': [gzip(tar).subarray(0, 900)],
  'gzip-with-a-wrong-sum': [corrupted(gzip(tar), -8)],
  'gzip-in-gzip': [gzip(gzip(tar))],
  'zstd-of-one-frame': [zstd(tar)],
  'zstd-of-two-frames': [Buffer.concat([zstd(first), zstd(second)])],
  'zstd-with-skippable-frames': [
    Buffer.concat([skippable('before'), zstd(first), skippable('', 15), zstd(second)]),
  ],
  'zstd-chunked': [
    Buffer.concat([
      zstd(tar.subarray(0, 512)),
      zstd(tar.subarray(512, 1024)),
      zstd(tar.subarray(1024)),
      skippable('{"version":1,"entries":[]}'),
      skippable('\x08\0\0\0\0\0\0\0\x1a\0\0\0\0\0\0\0GNUlInUx'),
    ]),
  ],
  'zstd-cut-off': [zstd(tar).subarray(0, 900)],
  'zstd-of-a-window-too-wide': [wideWindow],
  'zstd-then-garbage': [Buffer.concat([zstd(tar), Buffer.from('garbage')])],
  'xz-is-not-of-the-spec': [Buffer.from('fd377a585a000004e6d6b446', 'hex')],
  'bzip2-is-not-of-the-spec': [Buffer.from('BZh91AY&SY')],
  'plain-whatever-the-media-type': layer(file('a', 'plain')),
};

function corrupted(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  const index = copy.length + at;
  copy[index] = (copy[index] ?? 0) ^ 0xff;
  return copy;
}
