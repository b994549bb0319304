import { readFileSync, statSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { imageOf } from '../../../src/disk/access-pieces.ts';
import { openClusterPacker } from '../../../src/disk/cluster-packer.ts';
import { diskSizeIn } from '../../../src/disk/formats.ts';
import { writeImage } from '../../../src/disk/output.ts';
import { bytesOf, kib, mib, mixed, planOf, sumOf, ways, writtenDisks } from './written-disk.ts';

const { write, out } = writtenDisks();

describe.each(ways)('writeDisk as %s', (_, options) => {
  test('gives equal bytes twice, whatever the name, and tells their number', async () => {
    const first = await write(mixed, 'first', options);
    const second = await write(mixed, 'second', options);
    expect({ ...first, identity: '' }).toEqual({ ...second, identity: '' });
    expect(first.size).toBe(diskSizeIn(options.format, mixed.size));
    if (options.format === 'vmdk' || options.format === 'qcow2') {
      expect(first.bytes).toBe(statSync(out('first')).size);
    }
    expect(sumOf(readFileSync(out('first')))).toBe(sumOf(readFileSync(out('second'))));
  });

  test('gives the same from a disk that is there as from a plan', async () => {
    await write(mixed, 'planned', options);
    const bytes = bytesOf(mixed);
    const access = {
      size: bytes.length,
      read: (at: number, length: number) => bytes.subarray(at, at + length),
    };
    await writeImage(imageOf(access), out('copied'), options);
    expect(sumOf(readFileSync(out('copied')))).toBe(sumOf(readFileSync(out('planned'))));
  });
});

describe('writeDisk', () => {
  test('refuses a compression where there is none to choose', async () => {
    await expect(
      write(mixed, 'disk', { format: 'vdi', compression: 'zlib' }),
    ).rejects.toMatchObject({ code: 'USAGE' });
  });

  test('stores what does not become smaller as it is, and the rest small', async () => {
    const plain = await write(mixed, 'plain', { format: 'qcow2' });
    const packed = await write(mixed, 'packed', { format: 'qcow2', compression: 'zlib' });
    // Header, tables and refcounts; the noise; and the rest before it, behind it, and after the last table.
    expect(packed.bytes).toBe((5 + 4 + 3) * 65_536);
    expect(plain.bytes).toBeGreaterThan(packed.bytes + 500 * kib);
  });

  test('gives other disks other ids, and those of a size that differ by no byte too', async () => {
    const ids = new Set<string>();
    for (const plan of [mixed, planOf(mib, []), planOf(2 * mib, [])]) {
      await write(plan, 'disk.vdi', { format: 'vdi' });
      await write(plan, 'disk.vhd', { format: 'vhd' });
      ids.add(readFileSync(out('disk.vdi')).toString('hex', 392, 408));
      ids.add(readFileSync(out('disk.vhd')).subarray(-512).toString('hex', 68, 84));
    }
    expect(ids.size).toBe(6);
  });
});

describe('openClusterPacker', () => {
  test('refuses zstd where nothing makes it', async () => {
    await expect(openClusterPacker('zstd', async () => undefined)).rejects.toMatchObject({
      code: 'DISK_UNSUPPORTED',
      hint: expect.stringContaining('--compress zlib'),
    });
  });
});
