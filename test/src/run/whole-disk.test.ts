import { mkdtemp, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withPartition } from '../../../src/disk/mbr.ts';
import { writeDisk } from '../../../src/disk/output.ts';
import { type DiskPlan, planDisk } from '../../../src/disk/plan.ts';
import { planRofs } from '../../../src/rofs/plan.ts';
import { inspectDisk } from '../../../src/run/inspect-disk.ts';
import { requireWholeDisk } from '../../../src/run/whole-disk.ts';
import { openContents } from '../../../src/tree/contents.ts';
import { editTree } from '../../../src/tree/edit.ts';
import { directory, fileOfBytes } from '../../../src/tree/nodes.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { fakeLoader } from '../osv/fake-kernel.ts';
import { accessOf, imageOf } from '../rofs/image.ts';

const random = seededRandom(1);
/** Hardly to be compressed, so that a file of any format is full of it. */
const noise = Uint8Array.from({ length: 3_000_000 }, () => random() * 256);
const node = fileOfBytes(noise);
const rofs = planRofs(editTree({ root: directory() }, [{ op: 'set', path: '/file', node }]));
const bios = planDisk({
  loader: accessOf(fakeLoader()),
  commandLine: Buffer.from('--rootfs=rofs /hello'),
  rofs,
});
const direct = planDisk({ rofs });

/** As a machine sees it. */
function bytesOf({ size, partition }: DiskPlan, boot = fakeLoader()): Buffer {
  const disk = Buffer.alloc(size);
  boot.copy(disk);
  disk.set(withPartition(disk, partition));
  disk.set(imageOf(rofs), partition.offset);
  return disk;
}

const noBootCode = Buffer.alloc(512);

/** Boot code of another maker. */
const foreign = Buffer.alloc(512, 'code', 'latin1').fill(0, 0x1b8);

function refusalOf(disk: Buffer): unknown {
  try {
    requireWholeDisk(accessOf(disk), "the web's.raw");
    return undefined;
  } catch (error) {
    return error;
  }
}

describe('requireWholeDisk', () => {
  const ends = bios.partition.offset + bios.partition.size;

  it.each([
    ['with a kernel', bytesOf(bios)],
    ['without a kernel', bytesOf(direct, noBootCode)],
    ['longer than it need be', Buffer.concat([bytesOf(bios), Buffer.alloc(1000)])],
  ])('takes a disk that is whole: %s', (_, disk) => {
    expect(refusalOf(disk)).toBeUndefined();
  });

  it.each([
    ['its last byte', ends - 1],
    ['half of its ROFS', bios.partition.offset + 150_000],
    ['all of its ROFS', bios.partition.offset],
    ['a part of its kernel', 100_000],
    ['all but the first sector', 512],
  ])('refuses a disk with a kernel that lacks %s', (_, size) => {
    expect(refusalOf(bytesOf(bios).subarray(0, size))).toMatchObject({
      code: 'DISK_INVALID',
      message: `reading the disk "the web's.raw": found ${size} bytes, wanted at least ${ends}, where its second partition ends`,
      hint: "osv-convert build REF -o 'the web'\\''s.raw'\nor copy or fetch the file once more",
    });
  });

  it.each([
    ['its last byte', direct.size - 1],
    ['all but its superblock', 1024],
    ['all but the first sector', 512],
  ])('refuses a disk without a kernel that lacks %s', (_, size) => {
    const wanted = `found ${size} bytes, wanted at least ${direct.size}, where its`;
    expect(refusalOf(bytesOf(direct, noBootCode).subarray(0, size))).toMatchObject({
      code: 'DISK_INVALID',
      message: expect.stringContaining(wanted),
    });
  });

  it('refuses a file that has no room for a table of partitions', () => {
    expect(refusalOf(Buffer.alloc(511))).toMatchObject({
      code: 'DISK_INVALID',
      message: expect.stringContaining('found 511 bytes, wanted at least 512, its first sector'),
    });
  });

  it.each([
    ['one block more', (infoBlocks: bigint) => infoBlocks + 1n, `at least ${rofs.size + 512}`],
    ['more than a number can say', () => 1n << 60n, 'more than 2^53'],
  ])('refuses a ROFS that is said to have %s than its partition', (_, more, wanted) => {
    const disk = Buffer.concat([bytesOf(bios), Buffer.alloc(4096)]);
    const at = bios.partition.offset + 32;
    disk.writeBigUInt64LE(more(disk.readBigUInt64LE(at)), at);
    const found = `found a second partition of ${bios.partition.size} bytes`;
    expect(refusalOf(disk)).toMatchObject({
      code: 'DISK_INVALID',
      message: expect.stringContaining(`${found}, wanted ${wanted}, where the ROFS in it ends`),
    });
  });

  it('refuses a ROFS of another version by its partition only', () => {
    const disk = bytesOf(bios);
    disk.writeBigUInt64LE(2n, bios.partition.offset + 8);
    disk.writeBigUInt64LE(1n << 60n, bios.partition.offset + 32);
    expect(refusalOf(disk)).toBeUndefined();
    expect(refusalOf(disk.subarray(0, -1))).toMatchObject({ code: 'DISK_INVALID' });
  });

  it.each([
    ['of a sector of zeros', Buffer.alloc(512)],
    ['without a second partition', fakeLoader()],
    [
      'whose second partition holds no ROFS',
      bytesOf(bios).fill(0, bios.partition.offset).subarray(0, -512),
    ],
    [
      'that another program boots, cut off before its second partition',
      bytesOf(bios, foreign).subarray(0, 4096),
    ],
  ])('leaves a disk to others %s', (_, disk) => {
    expect(refusalOf(disk)).toBeUndefined();
  });
});

describe('inspectDisk', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'osv-convert-whole-disk-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it.each([
    ['raw', undefined],
    ['qcow2', undefined],
    ['qcow2', 'zlib'],
    ['vdi', undefined],
    ['vmdk', undefined],
    ['vhd', undefined],
    ['vhd-dynamic', undefined],
  ] as const)('refuses a %s disk (%s) whose file was cut short', async (format, compression) => {
    const path = join(folder, `${compression}.${format}`);
    const contents = openContents(new Map());
    const options = { format, contents, ...(compression && { compression }) };
    for (const plan of [bios, direct]) {
      await writeDisk(plan, path, options);
      expect(await inspectDisk(path)).toMatchObject({ format, hasLoader: plan === bios });
      const { size } = await stat(path);
      await truncate(path, Math.floor(size * 0.6));
      await expect(inspectDisk(path)).rejects.toMatchObject({
        code: 'DISK_INVALID',
        message: expect.stringMatching(/^reading the disk ".*": found .*, wanted .*\d+/),
        hint: expect.stringContaining(`osv-convert build REF -o ${path}`),
      });
    }
  });
});
