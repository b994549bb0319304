import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { DiskFormat } from '../../../src/disk/formats.ts';
import { openWholeDisk, type WholeDisk } from '../../../src/disk/open-disk.ts';
import { sumOf as vhdSumOf } from '../../../src/disk/vhd-footer.ts';
import {
  bytesOf,
  gib,
  mib,
  mixed,
  type Plan,
  planOf,
  sumOf,
  text,
  writtenDisks,
} from './written-disk.ts';

const { write, out } = writtenDisks();

async function written(plan: Plan, format: DiskFormat): Promise<Buffer> {
  await write(plan, 'disk.vhd', { format });
  return readFileSync(out('disk.vhd'));
}

/** As the specification has it, of a footer at 64 and of a header at 36. */
function expectSum(bytes: Buffer, place: number): void {
  let sum = 0;
  for (const [at, byte] of bytes.entries()) if (at < place || at > place + 3) sum += byte;
  expect(bytes.readUInt32BE(place)).toBe(0xffff_ffff - sum);
}

function expectFooter(footer: Buffer, kind: number): void {
  expect(footer.toString('latin1', 0, 8)).toBe('conectix');
  expect([40, 48].map((at) => Number(footer.readBigUInt64BE(at)))).toEqual([10 * mib, 10 * mib]);
  expect([footer.readUInt32BE(24), footer.readUInt32BE(60)]).toEqual([0, kind]);
  expectSum(footer, 64);
}

describe('a VHD', () => {
  test('ends in a footer with whole MiB before it', async () => {
    const bytes = await written(mixed, 'vhd');
    expect(bytes.length).toBe(10 * mib + 512);
    expectFooter(bytes.subarray(-512), 2);
  });
});

describe('a dynamic VHD', () => {
  const block = 2 * mib;

  /** An independent reader: the blocks of the disk and their maps, by what the header says. */
  function blocksOf(file: Buffer): ReadonlyMap<number, { at: number; map: Buffer; data: Buffer }> {
    const header = file.subarray(512, 512 + 1024);
    expect(header.toString('latin1', 0, 8)).toBe('cxsparse');
    expect(header.readBigUInt64BE(8)).toBe(2n ** 64n - 1n);
    expect([header.readUInt32BE(24), header.readUInt32BE(32)]).toEqual([0x1_0000, block]);
    expectSum(header, 36);
    const table = Number(header.readBigUInt64BE(16));
    const blocks = new Map<number, { at: number; map: Buffer; data: Buffer }>();
    for (let index = 0; index < header.readUInt32BE(28); index += 1) {
      const sector = file.readUInt32BE(table + index * 4);
      if (sector === 0xffff_ffff) continue;
      const at = sector * 512;
      const map = file.subarray(at, at + 512);
      blocks.set(index, { at, map, data: file.subarray(at + 512, at + 512 + block) });
    }
    return blocks;
  }

  test('begins and ends in the same footer', async () => {
    const bytes = await written(mixed, 'vhd-dynamic');
    expectFooter(bytes.subarray(-512), 3);
    expect(bytes.subarray(0, 512).equals(bytes.subarray(-512))).toBe(true);
    expect(Number(bytes.readBigUInt64BE(16))).toBe(512);
  });

  test('is the blocks that give the disk, and no others', async () => {
    const bytes = await written(mixed, 'vhd-dynamic');
    const disk = Buffer.alloc(10 * mib);
    const blocks = blocksOf(bytes);
    expect([...blocks.keys()]).toEqual([0, 1, 2, 4]);
    let end = 512 + 1024 + 512;
    for (const [index, { at, map, data }] of blocks) {
      expect(at).toBeGreaterThanOrEqual(end);
      expect((at + 512) % 4096).toBe(0);
      expect(map.every((eight) => eight === 0xff)).toBe(true);
      data.copy(disk, index * block);
      end = at + 512 + block;
    }
    expect(bytes.length).toBe(end + 512);
    expect(sumOf(disk)).toBe(sumOf(bytesOf({ ...mixed, size: disk.length })));
  });

  test('takes little of the file system, and as little where the disk is large', async () => {
    await written(mixed, 'vhd-dynamic');
    expect(statSync(out('disk.vhd')).blocks * 512).toBeLessThan(2 * mib);
    const ends = planOf(2040 * gib, [
      [0, text(512)],
      [2040 * gib - 512, text(512)],
    ]);
    await write(ends, 'large.vhd', { format: 'vhd-dynamic' });
    expect(statSync(out('large.vhd')).size).toBeLessThan(2 * block + 5 * mib);
    const { disk, close } = await openWholeDisk(out('large.vhd'));
    expect(disk.size).toBe(2040 * gib);
    expect(disk.read(2040 * gib - 512, 600)).toEqual(text(512));
    expect(disk.read(1000 * gib, 512)).toEqual(Buffer.alloc(512));
    close();
  });
});

describe('openWholeDisk of a dynamic VHD', () => {
  /** Of the file: after the footer and the header, and a table of 5 entries. */
  const [header, table] = [512, 1536];

  /** The sound disk, changed in places, and the sums of its structures made right again. */
  async function changed(...changes: readonly (readonly [at: number, hex: string])[]) {
    const bytes = await written(mixed, 'vhd-dynamic');
    for (const [at, hex] of changes) bytes.write(hex, at < 0 ? bytes.length + at : at, 'hex');
    for (const [start, length, sum] of [
      [0, 512, 64],
      [header, 1024, 36],
      [bytes.length - 512, 512, 64],
    ] as const) {
      const part = bytes.subarray(start, start + length);
      part.writeUInt32BE(vhdSumOf(part, sum), sum);
    }
    writeFileSync(out('changed.vhd'), bytes);
    return out('changed.vhd');
  }

  /** In both footers. */
  const footers = (at: number, hex: string): [number, string][] => [
    [at, hex],
    [at - 512, hex],
  ];

  const refused: [string, string, string, readonly (readonly [number, string])[]][] = [
    ['that changes another', 'DISK_UNSUPPORTED', 'VHD of type 4', footers(60, '00000004')],
    ['of another version', 'DISK_UNSUPPORTED', 'version 10001', [[header + 24, '00010001']]],
    ['whose footers differ', 'DISK_INVALID', 'a footer with', [[-512 + 48, '01']]],
    ['of sectors in part', 'DISK_INVALID', '10485761 bytes', footers(48, '0000000000a00001')],
    ['past any', 'DISK_INVALID', '2190433321472 bytes', footers(48, '000001fe00000200')],
    ['without a header', 'DISK_INVALID', 'no header', [[header, '00']]],
    ['with a header past the end', 'DISK_INVALID', 'no header', footers(16, 'ffffffffffffff00')],
    ['with blocks of 3 sectors', 'DISK_INVALID', '1536 bytes', [[header + 32, '00000600']]],
    ['with blocks of 256 bytes', 'DISK_INVALID', '256 bytes', [[header + 32, '00000100']]],
    ['with blocks of nothing', 'DISK_INVALID', 'blocks of 0', [[header + 32, '00000000']]],
    ['with too few blocks', 'DISK_INVALID', '4 blocks', [[header + 28, '00000004']]],
    ['with too many', 'DISK_INVALID', '4294967295 blocks', [[header + 28, 'ffffffff']]],
    ['with a table past the end', 'DISK_INVALID', 'a table', [[header + 16, '0000000000ffffff']]],
    ['with a table at 2^63', 'DISK_INVALID', 'a table', [[header + 16, '8000000000000000']]],
    ['with a block past the end', 'DISK_INVALID', 'its end within', [[table, 'fffffffe']]],
    [
      'with a block behind the disk that is not there',
      'DISK_INVALID',
      'its end within',
      [
        [header + 28, '00000006'],
        [table + 20, 'fffffffe'],
      ],
    ],
    ['with a block in the footer', 'DISK_INVALID', 'over something else', [[table, '00000000']]],
    ['with a block in the table', 'DISK_INVALID', 'over something else', [[table, '00000003']]],
    [
      'with a block that counts twice',
      'DISK_INVALID',
      'over something',
      [[table + 12, '00000007']],
    ],
    ['with blocks that overlap', 'DISK_INVALID', 'over something', [[table + 12, '00000009']]],
  ];
  test.each(refused)('refuses one %s', async (_, code, words, changes) => {
    await expect(openWholeDisk(await changed(...changes))).rejects.toMatchObject({
      code,
      message: expect.stringMatching(words),
    });
  });

  test.each([
    ['footer at the beginning', 40],
    ['header', header + 40],
    ['footer at the end', -512 + 40],
  ])('refuses one with another sum of its %s', async (_, at) => {
    const bytes = await written(mixed, 'vhd-dynamic');
    bytes.write('77', at < 0 ? bytes.length + at : at, 'hex');
    writeFileSync(out('changed.vhd'), bytes);
    await expect(openWholeDisk(out('changed.vhd'))).rejects.toMatchObject({
      code: 'DISK_INVALID',
      message: expect.stringMatching(/with the sum \d+, wanted \d+/),
    });
  });

  test.each([1000, 1536, 5 * mib, -512, -1])('refuses one that is cut off at %i', async (at) => {
    const { length } = await written(mixed, 'vhd-dynamic');
    truncateSync(out('disk.vhd'), at < 0 ? length + at : at);
    await expect(openWholeDisk(out('disk.vhd'))).rejects.toMatchObject({
      code: 'DISK_INVALID',
      message: expect.stringContaining('found no footer of a VHD at byte'),
    });
  });

  /** The map of the first block. */
  const map = 4096 - 512;

  async function using<T>(path: string, use: (disk: WholeDisk['disk']) => T): Promise<T> {
    const { disk, close } = await openWholeDisk(path);
    try {
      return use(disk);
    } finally {
      close();
    }
  }

  test('takes zeros in sectors that were never written', async () => {
    // The sectors from 1 to 127 of the disk.
    const path = await changed([map, `80${'00'.repeat(15)}`]);
    const whole = bytesOf({ ...mixed, size: 10 * mib });
    await using(path, (disk) => expect(sumOf(disk.read(0, disk.size))).toBe(sumOf(whole)));
  });

  test('refuses, when it is read, bytes in a sector that was never written', async () => {
    const path = await changed([map, `80${'00'.repeat(16)}`]);
    await using(path, (disk) => {
      expect(disk.read(300, 65_536 - 300)).toHaveLength(65_536 - 300);
      for (const [at, length] of [
        [65_536 + 100, 1],
        [60_000, 70_000],
      ] as const) {
        expect(() => disk.read(at, length)).toThrow(
          expect.objectContaining({
            code: 'DISK_INVALID',
            message: expect.stringContaining('bytes in sector 128 of block 0, which was never'),
          }),
        );
      }
      expect(disk.read(65_536 + 8 * 512, 100)).toHaveLength(100);
    });
  });

  test('refuses a fixed one whose footer says that it is dynamic', async () => {
    const bytes = await written(mixed, 'vhd');
    const footer = bytes.subarray(-512);
    footer.writeUInt32BE(3, 60);
    footer.writeUInt32BE(vhdSumOf(footer, 64), 64);
    writeFileSync(out('changed.vhd'), bytes);
    await expect(openWholeDisk(out('changed.vhd'))).rejects.toMatchObject({
      code: 'DISK_UNSUPPORTED',
    });
  });
});
