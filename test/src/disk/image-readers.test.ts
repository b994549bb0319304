import { readFileSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type DiskFormat, diskSizeIn } from '../../../src/disk/formats.ts';
import { openWholeDisk } from '../../../src/disk/open-disk.ts';
import { errorCodeOf } from '../../../src/error.ts';
import { bytesOf, mib, mixed, planOf, sumOf, text, ways, writtenDisks } from './written-disk.ts';

const { write, out } = writtenDisks();

const readable = ways.filter(([, { format }]) => format !== 'gce' && format !== 'ova');

describe.each(readable)('openWholeDisk of %s', (_, options) => {
  test('reads what was written, wherever it is asked', async () => {
    await write(mixed, 'disk', options);
    const { disk, format, close } = await openWholeDisk(out('disk'));
    const expected = bytesOf({ ...mixed, size: disk.size });
    expect(format).toBe(options.format);
    expect(disk.size).toBe(diskSizeIn(options.format, mixed.size));
    expect(sumOf(disk.read(0, disk.size))).toBe(sumOf(expected));
    for (const [at, length] of [
      [65_000, 1000],
      [mib - 1, 2],
      [disk.size - 3, 10],
      [5 * mib + 70_000, 200_000],
    ] as const) {
      expect(expected.subarray(at, at + length).equals(disk.read(at, length))).toBe(true);
    }
    close();
  });

  test('gives bytes or an error when any bytes are others', async () => {
    const small = planOf(mib, [[0, text(70_000)]]);
    await write(small, 'disk', options);
    const sound = readFileSync(out('disk'));
    const place = fc.oneof(
      fc.nat(600),
      fc.nat(sound.length - 1),
      fc.integer({ min: sound.length - 2000, max: sound.length - 1 }),
    );
    const change = fc.tuple(place, fc.integer({ min: 1, max: 255 }));
    await fc.assert(
      fc.asyncProperty(
        fc.array(change, { minLength: 1, maxLength: 4 }),
        fc.nat(3),
        async (changes, cut) => {
          const bytes = Buffer.from(sound);
          for (const [at, flip] of changes) bytes.writeUInt8((bytes[at] ?? 0) ^ flip, at);
          writeFileSync(out('bad'), cut > 0 ? bytes : bytes.subarray(0, changes[0]?.[0]));
          const code = await openWholeDisk(out('bad')).then(
            ({ disk, close }) => {
              try {
                disk.read(0, 2 * mib);
                return 'bytes';
              } catch (error) {
                return errorCodeOf(error) ?? String(error);
              } finally {
                close();
              }
            },
            (error: unknown) => errorCodeOf(error) ?? String(error),
          );
          expect(code).toMatch(/^(bytes|DISK_INVALID|DISK_UNSUPPORTED)$/);
        },
      ),
      { numRuns: 100, seed: 3 },
    );
  });
});

describe('openWholeDisk', () => {
  async function changed(format: DiskFormat, ...changes: [number, string][]): Promise<string> {
    await write(mixed, 'sound', { format });
    const bytes = readFileSync(out('sound'));
    for (const [at, hex] of changes) {
      bytes.write(hex, at < 0 ? bytes.length + at : at, 'hex');
    }
    writeFileSync(out('changed'), bytes);
    return out('changed');
  }

  const cases: [string, string, DiskFormat, [number, string][]][] = [
    ['a VDI of another version', 'DISK_UNSUPPORTED', 'vdi', [[68, '00']]],
    ['a VDI with a parent', 'DISK_UNSUPPORTED', 'vdi', [[76, '04']]],
    ['a VDI with other blocks', 'DISK_UNSUPPORTED', 'vdi', [[376, '01']]],
    ['a VDI with too few blocks', 'DISK_INVALID', 'vdi', [[384, '01000000']]],
    ['a VDI with too many', 'DISK_INVALID', 'vdi', [[384, 'ffffffff']]],
    ['a VDI with a map past the end', 'DISK_INVALID', 'vdi', [[340, 'ffffffff']]],
    ['a VDI with a block past the end', 'DISK_INVALID', 'vdi', [[512, 'ffffff00']]],
    ['a VHD with another sum', 'DISK_INVALID', 'vhd', [[-400, '01']]],
    ['a VMDK of another kind', 'DISK_UNSUPPORTED', 'vmdk', [[8, '01000000']]],
    ['a VMDK without its footer', 'DISK_INVALID', 'vmdk', [[-1024, '00']]],
    ['a VMDK with no grains in a table', 'DISK_INVALID', 'vmdk', [[-1024 + 44, '00000000']]],
    ['a VMDK with grains of 3 sectors', 'DISK_INVALID', 'vmdk', [[-1024 + 20, '03']]],
    ['a VMDK past any', 'DISK_INVALID', 'vmdk', [[-1024 + 18, 'ffff']]],
    ['a VMDK with a directory past the end', 'DISK_INVALID', 'vmdk', [[-1024 + 60, 'ff']]],
  ];
  test.each(cases)('refuses %s', async (_, code, format, changes) => {
    const path = await changed(format, ...changes);
    await expect(openWholeDisk(path)).rejects.toMatchObject({ code });
  });

  test('refuses, when it is read, a grain that is not there', async () => {
    // The directory, and the table before it.
    for (const at of [-2048, -4608]) {
      const { disk, close } = await openWholeDisk(await changed('vmdk', [at, 'ffffff00']));
      expect(() => disk.read(0, disk.size)).toThrow(
        expect.objectContaining({ code: 'DISK_INVALID' }),
      );
      close();
    }
  });
});
