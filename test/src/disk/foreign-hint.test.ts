import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { kindOf } from '../../../src/disk/file-kind.ts';
import { foreignHint, isComputeDisk } from '../../../src/disk/foreign-hint.ts';
import { file, layerTar } from '../../support/layers.ts';

function hintOf(path: string, bytes: Uint8Array): string | undefined {
  const kind = kindOf(bytes.subarray(0, 2048));
  const read = (at: number, length: number) => bytes.subarray(at, at + length);
  return kind && foreignHint({ size: bytes.length, read }, path, kind);
}

describe('foreignHint', () => {
  test.each([
    ['any files', ['a', 'b'], 'tar -tvf it.tar'],
    [
      'docker save',
      ['blobs/x', 'index.json', 'manifest.json'],
      'osv-convert ls docker-archive:it.tar',
    ],
    ['an OCI layout', ['blobs/x', 'index.json'], 'osv-convert ls oci-archive:it.tar'],
  ])('names what reads a tar of %s', (_what, names, hint) => {
    const tar = layerTar(names.map((name) => file(name, 'x'.repeat(600))));
    expect(hintOf('it.tar', tar)).toBe(hint);
    expect(hintOf('it.tar', tar.subarray(0, 512))).toBe('tar -tvf it.tar');
  });

  test.each([
    ['web.vmdk', 'tar -xf it.ova web.vmdk'],
    ['--checkpoint-action=exec=x.vmdk', 'tar -tvf it.ova'],
    ['$(x).vmdk', 'tar -tvf it.ova'],
  ])('takes the disk out of an OVA when it is called %s', (name, hint) => {
    expect(hintOf('it.ova', layerTar([file('web.ovf', 'x'), file(name, 'x')]))).toBe(hint);
  });

  test.each([
    ['a.tar.gz', '\x1f\x8b', 'osv-convert ls docker-archive:a.tar.gz'],
    ['a.tgz', '\x1f\x8b', 'osv-convert ls docker-archive:a.tgz'],
    ['a.tar.zst', '\x28\xb5\x2f\xfd', 'osv-convert ls docker-archive:a.tar.zst'],
    ['web disk.raw.gz', '\x1f\x8b', "gunzip -k 'web disk.raw.gz'"],
    ['web.raw.xz', '\xfd7zXZ\0', 'xz -dk web.raw.xz'],
    ['web.raw.zst', '\x28\xb5\x2f\xfd', 'zstd -d web.raw.zst'],
    ['web', '\x1f\x8b', undefined],
    ['web.elf', '\x7fELF', undefined],
  ])('tells what to do with %s', (path, magic, hint) => {
    expect(hintOf(path, Buffer.from(magic, 'latin1'))).toBe(hint);
  });
});

describe('isComputeDisk', () => {
  const isOne = (bytes: Uint8Array) =>
    isComputeDisk({
      size: bytes.length,
      read: (at, length) => bytes.subarray(at, at + length),
    });

  test('is true of a disk for Compute Engine, and of no other gzip file', () => {
    const disk = layerTar([file('disk.raw', Buffer.alloc(2 ** 20, 'x'))]);
    expect(isOne(gzipSync(disk))).toBe(true);
    expect(isOne(gzipSync(layerTar([file('a', ''), file('disk.raw', '')])))).toBe(false);
    expect(isOne(gzipSync('no tar'))).toBe(false);
    expect(isOne(Buffer.from('\x1f\x8b and no more', 'latin1'))).toBe(false);
  });

  test('takes no more than a piece in when it is all zeros', () => {
    let read = 0;
    const bytes = gzipSync(Buffer.alloc(2 ** 26));
    const file = {
      size: bytes.length,
      read: (at: number, length: number) => {
        read += length;
        return bytes.subarray(at, at + length);
      },
    };
    expect(isComputeDisk(file)).toBe(false);
    expect(read).toBe(4096);
  });
});
