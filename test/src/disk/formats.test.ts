import { describe, expect, test } from 'vitest';
import {
  type DiskFormat,
  diskFormats,
  diskSizeIn,
  formatOfName,
  outputFormats,
  refuseDirect,
  refuseKernelBeside,
} from '../../../src/disk/formats.ts';
import { vhdGeometryOf } from '../../../src/disk/geometry.ts';
import { gib, mib } from './written-disk.ts';

describe('formatOfName', () => {
  test.each([
    ['web.qcow2', 'qcow2'],
    ['web.IMG', 'raw'],
    ['web.vmdk', 'vmdk'],
    ['web.vdi', 'vdi'],
    ['web.vhd', 'vhd'],
    ['web.tar.gz', 'gce'],
    ['web.ova', 'ova'],
    ['web', 'raw'],
    ['web.iso/disk', 'raw'],
    ['web.bin', 'raw'],
  ])('takes %s for %s', (name, format) => {
    expect(formatOfName(name)).toBe(format);
  });
});

describe('refuseForeignEnding', () => {
  test.each([
    ['web.vhdx', 'web.vhd'],
    ['web.HDD', 'web.raw'],
    ['web.qed', 'web.qcow2'],
    ['web.dmg', 'web.raw'],
    ['/disks/web.iso', '/disks/web.raw'],
    ['web.tar', 'web.tar.gz'],
    ['web.tar.zst', 'web.tar.gz'],
    ['web.raw.gz', 'web.raw'],
    ['web.img.xz', 'web.img'],
    ['web.zip', 'web.raw'],
    ["the web's.ovf", "'the web'\\''s.ova'"],
  ])('names for %s the nearest that is written, %s', (name, nearest) => {
    expect(() => formatOfName(name)).toThrow(
      expect.objectContaining({
        code: 'USAGE',
        message: expect.stringContaining(`found the output ${JSON.stringify(name)}, a name for `),
        hint: `name it ${nearest}\nor, to keep the name, say what it is by --format`,
      }),
    );
  });
});

describe('diskSizeIn', () => {
  test.each<[DiskFormat, number, number]>([
    ['raw', 1, 512],
    ['qcow2', 513, 1024],
    ['vmdk', 65_537, 131_072],
    ['vdi', 0, 512],
    ['vhd', mib + 512, 2 * mib],
    ['vhd-dynamic', mib + 512, 2 * mib],
    ['gce', gib + 512, 2 * gib],
    ['ova', 512, 65_536],
  ])('rounds for %s %i bytes up to %i', (format, size, expected) => {
    expect(diskSizeIn(format, size)).toBe(expected);
  });

  test('refuses a disk that the format has no room for', () => {
    expect(() => diskSizeIn('vhd', 2041 * gib)).toThrow(
      expect.objectContaining({ code: 'DISK_UNSUPPORTED' }),
    );
  });
});

describe('refuseDirect', () => {
  test('refuses formats of clouds only', () => {
    for (const format of diskFormats) {
      refuseDirect(format, 'bios');
      if (format !== 'gce' && format !== 'ova') refuseDirect(format, 'direct');
    }
    for (const format of ['gce', 'ova'] as const) {
      expect(() => refuseDirect(format, 'direct')).toThrow(
        expect.objectContaining({ code: 'USAGE' }),
      );
    }
  });
});

describe('refuseKernelBeside', () => {
  test('refuses what is not a file that a kernel can be beside', () => {
    for (const format of outputFormats) {
      if (!['gce', 'ova', 'containerdisk'].includes(format)) {
        refuseKernelBeside(format);
        continue;
      }
      expect(() => refuseKernelBeside(format)).toThrow(expect.objectContaining({ code: 'USAGE' }));
    }
  });
});

describe('vhdGeometryOf', () => {
  test.each([
    [mib, 30, 4, 17],
    [200 * mib, 825, 16, 31],
    [504 * mib, 1024, 16, 63],
    [40 * gib, 20_560, 16, 255],
    [2040 * gib, 65_535, 16, 255],
  ])('gives for %i bytes what the specification computes', (size, cylinders, heads, sectors) => {
    const found = vhdGeometryOf(size);
    expect(found).toEqual({ cylinders, heads, sectors });
    const covered = found.cylinders * found.heads * found.sectors * 512;
    expect(covered).toBeLessThanOrEqual(size);
  });
});
