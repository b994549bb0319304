import { readFileSync } from 'node:fs';
import { inflateSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { diskSizeIn } from '../../../src/disk/formats.ts';
import { bytesOf, mixed, writtenDisks } from './written-disk.ts';

const { write, out } = writtenDisks();

describe('a VMDK', () => {
  /** An independent reader of grains: through the markers, from the first to the last. */
  function grainsOf(bytes: Buffer): ReadonlyMap<number, Buffer> {
    const grains = new Map<number, Buffer>();
    const seen: number[] = [];
    for (let at = Number(bytes.readBigUInt64LE(64)) * 512; at < bytes.length; ) {
      const [value, length] = [Number(bytes.readBigUInt64LE(at)), bytes.readUInt32LE(at + 8)];
      if (length > 0) {
        const packed = bytes.subarray(at + 12, at + 12 + length);
        grains.set(value * 512, inflateSync(packed));
        at += Math.ceil((12 + length) / 512) * 512;
        continue;
      }
      const type = bytes.readUInt32LE(at + 12);
      seen.push(type);
      at += 512 * (1 + (type === 0 ? 0 : value));
      if (type === 0) expect(at).toBe(bytes.length);
    }
    expect(seen.slice(-3)).toEqual([2, 3, 0]);
    return grains;
  }

  test('is a stream of grains that gives the disk, without its zeros', async () => {
    await write(mixed, 'disk.vmdk', { format: 'vmdk' });
    const bytes = readFileSync(out('disk.vmdk'));
    const disk = Buffer.alloc(diskSizeIn('vmdk', mixed.size));
    const grains = grainsOf(bytes);
    for (const [offset, grain] of grains) {
      expect(grain.length).toBe(65_536);
      expect(grain.every((byte) => byte === 0)).toBe(false);
      grain.copy(disk, offset);
    }
    expect(disk.equals(bytesOf({ ...mixed, size: disk.length }))).toBe(true);
  });

  test('describes itself as VMware wants it', async () => {
    await write(mixed, 'disk.vmdk', { format: 'vmdk' });
    const bytes = readFileSync(out('disk.vmdk'));
    const [at, length] = [28, 36].map((field) => Number(bytes.readBigUInt64LE(field)) * 512);
    const words = bytes.toString('latin1', at, (at ?? 0) + (length ?? 0)).replace(/\0+$/, '');
    const pairs = Object.fromEntries(
      [...words.matchAll(/^(\S+?) ?= ?"?(.*?)"?$/gm)].map(([, key, value]) => [key, value]),
    );
    expect(pairs).toEqual({
      version: '1',
      CID: 'fffffffe',
      parentCID: 'ffffffff',
      createType: 'streamOptimized',
      'ddb.adapterType': 'ide',
      'ddb.geometry.cylinders': '18',
      'ddb.geometry.heads': '16',
      'ddb.geometry.sectors': '63',
      'ddb.virtualHWVersion': '4',
    });
    const sectors = diskSizeIn('vmdk', mixed.size) / 512;
    expect(words).toContain(`\nRW ${sectors} SPARSE "disk.vmdk"\n`);
  });
});
