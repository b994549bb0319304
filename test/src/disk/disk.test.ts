import { spawnSync } from 'node:child_process';
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { DiskFormat } from '../../../src/disk/formats.ts';
import { withPartition } from '../../../src/disk/mbr.ts';
import { writeDisk } from '../../../src/disk/output.ts';
import type { OutputFile } from '../../../src/disk/output-file.ts';
import { type DiskPlan, planDisk } from '../../../src/disk/plan.ts';
import { openQcow2 } from '../../../src/disk/qcow2.ts';
import { nonZeroRuns } from '../../../src/disk/runs.ts';
import { pieces } from '../../../src/disk/segment.ts';
import { planRofs } from '../../../src/rofs/plan.ts';
import { openContents } from '../../../src/tree/contents.ts';
import { directory, fileOfBytes, symlink } from '../../../src/tree/nodes.ts';
import type { Tree } from '../../../src/tree/tree.ts';
import { readDisk } from '../../support/rofs-reader.ts';
import { accessOf, imageOf } from '../rofs/image.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'disk-'));
});
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(() => {
  rmSync(join(folder, 'out'), { recursive: true, force: true });
  mkdirSync(join(folder, 'out'));
});

const contents = openContents(new Map());
const tree: Tree = {
  root: directory(
    new Map<string, ReturnType<typeof directory | typeof fileOfBytes | typeof symlink>>([
      ['big', fileOfBytes(Buffer.concat([Buffer.alloc(3 << 20), Buffer.alloc(500_001, 'x')]))],
      ['etc', directory(new Map([['hosts', fileOfBytes(Buffer.from('127.0.0.1 localhost\n'))]]))],
      ['lib', symlink('/usr/lib')],
    ]),
  ),
};
const rofs = planRofs(tree);

const mib = 1 << 20;

function loaderOf(units: number, size = 65_536 + units * 32_768): Buffer {
  const loader = Buffer.alloc(size, 'k');
  loader.fill(0, 512, 65_536);
  loader.writeUInt16LE(units, 0x10);
  loader.fill(0, 0x1be, 0x1fe);
  loader.writeUInt16LE(0xaa55, 0x1fe);
  loader.write('an older command line', 512);
  return loader;
}

function biosDisk(commandLine = '/app/hello'): DiskPlan {
  return planDisk({
    loader: accessOf(loaderOf(65)),
    commandLine: Buffer.from(commandLine),
    rofs,
  });
}

/** The bytes of a plan, put together in memory. */
function bytesOf(plan: DiskPlan): Buffer {
  const disk = Buffer.alloc(plan.size);
  for (const { offset, bytes } of pieces(plan.segments(), plan.size, contents))
    bytes.copy(disk, offset);
  return disk;
}

function isZero(bytes: Buffer): boolean {
  return bytes.equals(Buffer.alloc(bytes.length));
}

describe('withPartition', () => {
  function entry(offset: number, sectors: number): string {
    const sector = withPartition(new Uint8Array(512), { offset, size: sectors * 512 });
    return Buffer.from(sector.subarray(0x1ce, 0x1de)).toString('hex');
  }

  test('writes the 16 bytes of a disk of OSv itself', () => {
    expect(entry(4 * mib, 0x116)).toBe('00820300 83861d00 00200000 16010000'.replaceAll(' ', ''));
  });

  test('writes the largest cylinder, head and sector when a place is past them', () => {
    expect(entry(512, 0xffff_ffff)).toBe('00000200 83feffff 01000000 ffffffff'.replaceAll(' ', ''));
  });

  test('keeps all of the sector but the slot and the signature', () => {
    const before = Buffer.alloc(512, 0x77);
    const after = Buffer.from(withPartition(before, { offset: 512, size: 512 }));
    expect(after.subarray(0, 0x1cf)).toEqual(
      Buffer.concat([before.subarray(0, 0x1ce), Buffer.of(0x77)]),
    );
    expect(after.subarray(0x1de, 0x1fe)).toEqual(before.subarray(0x1de, 0x1fe));
    expect(after.subarray(0x1fe).toString('hex')).toBe('55aa');
    expect(before.every((byte) => byte === 0x77)).toBe(true);
  });
});

describe('planDisk', () => {
  test('puts command line, kernel and ROFS where OSv looks for them when there is a loader', () => {
    const loader = loaderOf(65);
    const plan = biosDisk();
    expect(plan).toMatchObject({
      boot: 'bios',
      partition: { offset: 4 * mib, size: rofs.size },
      size: 4 * mib + rofs.size,
    });
    const disk = bytesOf(plan);
    expect(disk.subarray(0, 0x1be).equals(loader.subarray(0, 0x1be))).toBe(true);
    expect(disk.readUInt32LE(0x1ce + 8)).toBe(8192);
    expect(disk.subarray(512, 512 + 11).toString('latin1')).toBe('/app/hello\0');
    expect(isZero(disk.subarray(523, 65_536))).toBe(true);
    expect(disk.subarray(65_536, loader.length).equals(loader.subarray(65_536))).toBe(true);
    expect(isZero(disk.subarray(loader.length, 4 * mib))).toBe(true);
    expect(disk.subarray(4 * mib).equals(imageOf(rofs))).toBe(true);
  });

  test('rounds to no more than the loader when it ends at 2 MiB', () => {
    const loader = accessOf(loaderOf(62));
    expect(planDisk({ loader, commandLine: Buffer.of(), rofs }).partition.offset).toBe(2 * mib);
  });

  test('puts the ROFS after one sector when there is no loader', () => {
    const plan = planDisk({ rofs });
    expect(plan).toMatchObject({ boot: 'direct', size: 512 + rofs.size });
    const disk = bytesOf(plan);
    expect(isZero(disk.subarray(0, 0x1ce))).toBe(true);
    expect(disk.subarray(512).equals(imageOf(rofs))).toBe(true);
  });

  test('takes a command line of 32,255 bytes and refuses a longer one and one with a NUL', () => {
    const longest = bytesOf(biosDisk('x'.repeat(32_255)));
    expect(longest.indexOf(0, 512)).toBe(512 + 32_255);
    const code = expect.objectContaining({ code: 'COMMAND_LINE_INEXPRESSIBLE' });
    expect(() => biosDisk('x'.repeat(32_256))).toThrow(code);
    expect(() => biosDisk('ž'.repeat(16_128))).toThrow(code);
    expect(() => biosDisk('a\0b')).toThrow(code);
  });

  test.each([
    ['is empty', Buffer.of()],
    ['has no signature', loaderOf(2).fill(0, 0x1fe, 0x200)],
    ['announces no kernel', loaderOf(0)],
    ['is cut off', loaderOf(2, 65_536 + 65_535)],
  ])('refuses a loader when it %s', (_, bytes) => {
    expect(() => planDisk({ loader: accessOf(bytes), commandLine: Buffer.of(), rofs })).toThrow(
      expect.objectContaining({ code: 'KERNEL_INVALID' }),
    );
  });
});

describe('pieces', () => {
  test('give the bytes of any segments, and nothing where there are none', () => {
    const gaps = fc.array(fc.tuple(fc.nat(3 * mib), fc.integer({ min: 1, max: 2 * mib })), {
      maxLength: 4,
    });
    fc.assert(
      fc.property(gaps, fc.nat(1000), (runs, tail) => {
        let end = 0;
        const segments = runs.map(([gap, length], i) => {
          const offset = end + gap;
          end = offset + length;
          const bytes = Buffer.alloc(length, i + 1);
          return { offset, length, source: { kind: 'bytes', bytes } as const };
        });
        const expected = Buffer.alloc(end + tail);
        for (const { offset, source } of segments) source.bytes.copy(expected, offset);
        const actual = Buffer.alloc(end + tail);
        let last = -1;
        for (const { offset, bytes } of pieces(segments, end + tail, contents)) {
          expect(offset % mib).toBe(0);
          expect(offset).toBeGreaterThan(last);
          last = offset;
          bytes.copy(actual, offset);
        }
        expect(actual.equals(expected)).toBe(true);
      }),
      { numRuns: 50, seed: 4 },
    );
  });

  test('fail when a file of the host ends early', () => {
    const access = { size: 10, read: () => new Uint8Array(3) };
    const segment = {
      offset: 0,
      length: 10,
      source: { kind: 'access', access, offset: 0 },
    } as const;
    expect(() => [...pieces([segment], 512, contents)]).toThrow(RangeError);
  });
});

describe('nonZeroRuns', () => {
  test('part at zero units only, wherever they are', () => {
    const bytes = Buffer.alloc(40, 1);
    bytes.fill(0, 0, 8).fill(0, 13, 24).fill(0, 37, 40);
    expect([...nonZeroRuns(bytes, 8)]).toEqual([
      { start: 8, end: 16 },
      { start: 24, end: 40 },
    ]);
    expect([...nonZeroRuns(Buffer.alloc(20), 8)]).toEqual([]);
    for (const at of [4096, 4159, 4160, 8191]) {
      const page = Buffer.alloc(12_288).fill(1, at, at + 1);
      expect([...nonZeroRuns(page, 4096)]).toEqual([{ start: 4096, end: 8192 }]);
    }
    expect([...nonZeroRuns(Buffer.alloc(20, 1), 8)]).toEqual([{ start: 0, end: 20 }]);
  });
});

describe('writeDisk', () => {
  const formats: readonly DiskFormat[] = ['raw', 'qcow2'];

  test('writes the planned bytes, sparse, when the format is raw', async () => {
    const file = join(folder, 'out/disk.img');
    const plan = biosDisk();
    const { bytes, allocated } = await writeDisk(plan, file, { format: 'raw', contents });
    expect(readFileSync(file).equals(bytesOf(plan))).toBe(true);
    expect(bytes).toBe(plan.size);
    // Of 7.5 MiB: the kernel has 2 MiB, the file of 3.5 MiB begins with 3 MiB of zeros.
    expect(allocated).toBeLessThan(3 * mib);
  });

  test('writes a disk that an independent reader can follow from the partition entry to the files', async () => {
    for (const [name, plan] of [
      ['bios', biosDisk()],
      ['direct', planDisk({ rofs })],
    ] as const) {
      const file = join(folder, 'out', name);
      await writeDisk(plan, file, { format: 'raw', contents });
      expect(readDisk(file).map(({ path, size }) => `${path} ${size}`)).toEqual([
        '/ 3',
        `/big ${3 * mib + 500_001}`,
        '/etc 1',
        '/etc/hosts 20',
        '/lib 8',
      ]);
    }
  });

  test.each(formats)('writes equal bytes twice when the format is %s', async (format) => {
    for (const name of ['1', '2']) {
      await writeDisk(biosDisk(), join(folder, 'out', name), { format, contents });
    }
    const [first, second] = ['1', '2'].map((name) => readFileSync(join(folder, 'out', name)));
    expect(second && first?.equals(second)).toBe(true);
  });

  test('tells how far it is, up to the whole', async () => {
    const seen: number[] = [];
    const plan = biosDisk();
    await writeDisk(plan, join(folder, 'out/disk.img'), {
      format: 'qcow2',
      contents,
      onProgress: ({ written, size }) => {
        expect(size).toBe(plan.size);
        seen.push(written);
      },
    });
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(seen.at(-1)).toBe(plan.size);
  });

  test('makes the file a dangling link leads to, and refuses one that leads to itself', async () => {
    mkdirSync(join(folder, 'links'));
    symlinkSync('new.img', join(folder, 'links/dangling'));
    symlinkSync('loop', join(folder, 'links/loop'));
    await writeDisk(biosDisk(), join(folder, 'links/dangling'), { format: 'raw', contents });
    expect(readdirSync(join(folder, 'links'))).toEqual(['dangling', 'loop', 'new.img']);
    await expect(
      writeDisk(biosDisk(), join(folder, 'links/loop'), { format: 'raw', contents }),
    ).rejects.toMatchObject({ code: 'OUTPUT_UNUSABLE' });
    await expect(writeDisk(biosDisk(), '', { format: 'raw', contents })).rejects.toMatchObject({
      code: 'OUTPUT_UNUSABLE',
    });
  });

  test('replaces a file, through a link too, and leaves no other name', async () => {
    const file = join(folder, 'out/disk.img');
    writeFileSync(file, 'old');
    symlinkSync('disk.img', join(folder, 'out/link'));
    await writeDisk(biosDisk(), join(folder, 'out/link'), { format: 'raw', contents });
    expect(readdirSync(join(folder, 'out'))).toEqual(['disk.img', 'link']);
    expect(readlinkSync(join(folder, 'out/link'))).toBe('disk.img');
    expect(statSync(file).size).toBe(biosDisk().size);
  });

  test('writes several disks to one folder at a time', async () => {
    const names = ['a', 'b', 'c'];
    await Promise.all(
      names.map((name) =>
        writeDisk(biosDisk(), join(folder, 'out', name), { format: 'raw', contents }),
      ),
    );
    expect(readdirSync(join(folder, 'out'))).toEqual(names);
  });

  test.each(formats)(
    'leaves the old file and nothing else when it is aborted and the format is %s',
    async (format) => {
      const file = join(folder, 'out/disk.img');
      writeFileSync(file, 'old');
      const abort = new AbortController();
      const reason = new Error('enough');
      const onProgress = (): void => abort.abort(reason);
      const options = { format, contents, signal: abort.signal };
      await expect(writeDisk(biosDisk(), file, { ...options, onProgress })).rejects.toBe(reason);
      await expect(writeDisk(biosDisk(), file, options)).rejects.toBe(reason);
      expect(readdirSync(join(folder, 'out'))).toEqual(['disk.img']);
      expect(readFileSync(file, 'utf8')).toBe('old');
    },
  );

  test('leaves nothing when the bytes of a file cannot be read', async () => {
    const failing = {
      readInto(): void {
        throw new Error('gone');
      },
    };
    const written = writeDisk(biosDisk(), join(folder, 'out/disk.img'), {
      format: 'raw',
      contents: failing,
    });
    await expect(written).rejects.toThrow('gone');
    expect(readdirSync(join(folder, 'out'))).toEqual([]);
  });

  test.each([
    ['its folder is missing', 'missing/disk.img', 'no folder', 'mkdir -p '],
    ['its folder is a file', 'file/disk.img', 'no folder'],
    ['it is a folder', 'folder', 'a folder'],
    ['it is a device', '/dev/null', 'a device'],
    ['its folder takes no files', '/sys/disk.img', 'the folder /sys not writable'],
  ])('names the file it cannot write when %s', async (_, name, found, hint = 'name another ') => {
    mkdirSync(join(folder, 'out/folder'));
    writeFileSync(join(folder, 'out/file'), '');
    const file = name.startsWith('/') ? name : join(folder, 'out', name);
    await expect(writeDisk(biosDisk(), file, { format: 'raw', contents })).rejects.toMatchObject({
      code: 'OUTPUT_UNUSABLE',
      message: expect.stringContaining(`writing ${file}: found ${found}`),
      hint: expect.stringContaining(hint),
    });
    expect(readdirSync(join(folder, 'out'))).toEqual(['file', 'folder']);
  });

  test('leaves nothing when the file system is full', async (context) => {
    const small = join(folder, 'small');
    mkdirSync(small);
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', small]).status !== 0) {
      context.skip('mounting a small tmpfs needs root');
    }
    try {
      for (const format of formats) {
        const written = writeDisk(biosDisk(), join(small, 'disk.img'), { format, contents });
        await expect(written).rejects.toMatchObject({ code: 'OUTPUT_FULL' });
        expect(readdirSync(small)).toEqual([]);
      }
    } finally {
      spawnSync('umount', [small]);
    }
  });
});

const qemuImg = spawnSync('qemu-img', ['--version']).status === 0;
if (!qemuImg) console.warn('qemu-img is not installed: what it says of disks is not tested');

describe.skipIf(!qemuImg)('qemu-img', () => {
  function run(...args: readonly string[]): string {
    const { status, stdout, stderr } = spawnSync('qemu-img', args, { encoding: 'utf8' });
    expect({ args, status, stderr }).toEqual({ args, status: 0, stderr: '' });
    return stdout;
  }

  function check(file: string): void {
    const found = JSON.parse(run('check', '-f', 'qcow2', '--output=json', file));
    expect(found).not.toHaveProperty('corruptions');
    expect(found).not.toHaveProperty('leaks');
    expect(found['check-errors']).toBe(0);
    expect(found['image-end-offset']).toBe(statSync(file).size);
  }

  /** As raw and as qcow2, which it checks and compares; the size of the qcow2 file. */
  async function writeBoth(plan: DiskPlan): Promise<number> {
    const [raw, qcow2] = [join(folder, 'out/raw'), join(folder, 'out/qcow2')];
    await writeDisk(plan, raw, { format: 'raw', contents });
    const { bytes } = await writeDisk(plan, qcow2, { format: 'qcow2', contents });
    check(qcow2);
    expect(JSON.parse(run('info', '--output=json', qcow2))).toMatchObject({
      'virtual-size': plan.size,
      'cluster-size': 65_536,
    });
    run('compare', '-f', 'raw', '-F', 'qcow2', raw, qcow2);
    return bytes;
  }

  /** One byte at each place; the rest is zeros. */
  function sparseDisk(size: number, places: readonly number[]): DiskPlan {
    return {
      boot: 'direct',
      size,
      partition: { offset: 512, size: size - 512 },
      segments: () =>
        places.map((offset) => ({
          offset,
          length: 1,
          source: { kind: 'bytes', bytes: Buffer.of((offset % 251) | 1) },
        })),
    };
  }

  test('finds a qcow2 clean and equal to the raw disk', async () => {
    const bytes = await writeBoth(biosDisk());
    expect(bytes).toBeLessThan(4 * mib);
  });

  test('finds a qcow2 clean and equal when it is empty, odd in size or a terabyte', async () => {
    const gib = 2 ** 30;
    await writeBoth(sparseDisk(512, []));
    await writeBoth(sparseDisk(512, [511]));
    await writeBoth(sparseDisk(65_536 + 512, [65_536]));
    const places = [0, 65_535, 512 * mib - 1, 512 * mib, 3 * gib + 5, 1024 * gib - 1];
    await writeBoth(sparseDisk(1024 * gib, places));
    // Header, L1 table, 4 L2 tables, 6 clusters of data (two places share one), refcount table and block.
    expect(statSync(join(folder, 'out/qcow2')).size).toBe((1 + 1 + 4 + 5 + 1 + 1) * 65_536);
  });

  test('finds a qcow2 clean and equal for any disk', async () => {
    const place = fc.nat(40 * mib);
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(place, { maxLength: 20 }),
        fc.nat(300),
        async (places, tail) => {
          const ascending = places.sort((a, b) => a - b);
          const size = Math.ceil(((ascending.at(-1) ?? 0) + 1) / 512 + tail) * 512;
          await writeBoth(sparseDisk(size, ascending));
        },
      ),
      { numRuns: 12, seed: 5 },
    );
  });

  test('finds a qcow2 clean when its file is past the 2 GiB of one refcount block', async () => {
    const file = join(folder, 'out/qcow2');
    const fd = openSync(file, 'w');
    const sparse: Pick<OutputFile, 'write'> = {
      write(bytes, offset) {
        const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
        ftruncateSync(fd, Math.max(statSync(file).size, offset + bytes.length));
        for (const { start, end } of nonZeroRuns(buffer, 4096)) {
          writeSync(fd, buffer, start, end - start, offset + start);
        }
      },
    };
    const size = 2 ** 31 + 5 * mib;
    const image = openQcow2(sparse, size);
    const bytes = Buffer.alloc(mib);
    for (let at = 0; at < mib; at += 65_536) bytes[at] = 1;
    for (let offset = 0; offset < size; offset += mib) await image.write({ offset, bytes });
    await image.finish();
    closeSync(fd);
    check(file);
    expect(statSync(file).size).toBeGreaterThan(size);
  });
});
