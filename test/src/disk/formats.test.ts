import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, inflateSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { imageOf } from '../../../src/disk/access-pieces.ts';
import { openClusterPacker } from '../../../src/disk/cluster-packer.ts';
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
import { openWholeDisk } from '../../../src/disk/open-disk.ts';
import {
  type WriteImageOptions,
  type WrittenDisk,
  writeDisk,
  writeImage,
} from '../../../src/disk/output.ts';
import type { Segment } from '../../../src/disk/segment.ts';
import { sparseHeader } from '../../../src/disk/sparse-tar.ts';
import { errorCodeOf } from '../../../src/error.ts';
import { openContents } from '../../../src/tree/contents.ts';
import { loadPackFrame } from '../../../store/index.ts';
import { seededRandom } from '../../support/seeded-random.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'formats-'));
});
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(() => {
  rmSync(join(folder, 'out'), { recursive: true, force: true });
  mkdirSync(join(folder, 'out'));
});

const contents = openContents(new Map());
const kib = 1024;
const mib = 2 ** 20;
const gib = 2 ** 30;

const hasZstd = (await loadPackFrame()) !== undefined;
if (!hasZstd) console.warn('zstd-napi is not installed: compression with zstd is not tested');

/** Every way a disk can be written. */
const ways: readonly (readonly [name: string, options: WriteImageOptions])[] = [
  ...diskFormats.map((format): [string, WriteImageOptions] => [format, { format }]),
  ['qcow2 with zlib', { format: 'qcow2', compression: 'zlib' }],
  ...(hasZstd
    ? [['qcow2 with zstd', { format: 'qcow2', compression: 'zstd' }] as [string, WriteImageOptions]]
    : []),
];

interface Plan {
  readonly size: number;
  segments(): Iterable<Segment>;
}

/** Bytes at places; the rest is zeros. */
function planOf(size: number, parts: readonly (readonly [offset: number, bytes: Buffer])[]): Plan {
  const segments = parts.map(([offset, bytes]): Segment => {
    return { offset, length: bytes.length, source: { kind: 'bytes', bytes } };
  });
  return { size, segments: () => segments };
}

function text(length: number, seed = 'a line of text, again and again\n'): Buffer {
  return Buffer.alloc(length, seed);
}

/** What a compressor can do nothing with. */
function noise(length: number): Buffer {
  const random = seededRandom(length);
  return Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)));
}

const mixed = planOf(9 * mib + 512, [
  [0, text(512)],
  [65_536, noise(200 * kib)],
  [65_536 + 200 * kib, text(700 * kib)],
  [3 * mib + 1000, Buffer.of(1)],
  [5 * mib, text(64 * kib)],
  [5 * mib + 128 * kib, noise(64 * kib)],
  [9 * mib, text(512)],
]);

function bytesOf({ size, segments }: Plan): Buffer {
  const disk = Buffer.alloc(size);
  for (const { offset, source } of segments()) {
    if (source.kind === 'bytes') disk.set(source.bytes, offset);
  }
  return disk;
}

async function write(plan: Plan, name: string, options: WriteImageOptions): Promise<WrittenDisk> {
  return await writeDisk(plan, join(folder, 'out', name), { ...options, contents });
}

function out(name: string): string {
  return join(folder, 'out', name);
}

function sumOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The end of a large file. */
function tailOf(path: string, length: number): Buffer {
  const fd = openSync(path, 'r');
  const bytes = Buffer.alloc(length);
  readSync(fd, bytes, 0, length, statSync(path).size - length);
  closeSync(fd);
  return bytes;
}

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
  ])('takes %s for %s', (name, format) => {
    expect(formatOfName(name)).toBe(format);
  });
});

describe('diskSizeIn', () => {
  test.each<[DiskFormat, number, number]>([
    ['raw', 1, 512],
    ['qcow2', 513, 1024],
    ['vmdk', 65_537, 131_072],
    ['vdi', 0, 512],
    ['vhd', mib + 512, 2 * mib],
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

  test('refuses, when it is read, a block or a grain that is not there', async () => {
    for (const [format, at] of [
      ['vdi', 512],
      // The directory, and the table before it.
      ['vmdk', -2048],
      ['vmdk', -4608],
    ] as const) {
      const { disk, close } = await openWholeDisk(await changed(format, [at, 'ffffff00']));
      expect(() => disk.read(0, disk.size)).toThrow(
        expect.objectContaining({ code: 'DISK_INVALID' }),
      );
      close();
    }
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
      ids.add(tailOf(out('disk.vhd'), 512).toString('hex', 68, 84));
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

describe('a VHD', () => {
  test('ends in a footer with whole MiB before it', async () => {
    await write(mixed, 'disk.vhd', { format: 'vhd' });
    const bytes = readFileSync(out('disk.vhd'));
    const footer = bytes.subarray(-512);
    expect(bytes.length).toBe(10 * mib + 512);
    expect(footer.toString('latin1', 0, 8)).toBe('conectix');
    expect([40, 48].map((at) => Number(footer.readBigUInt64BE(at)))).toEqual([10 * mib, 10 * mib]);
    expect([footer.readUInt32BE(24), footer.readUInt32BE(60)]).toEqual([0, 2]);
    let sum = 0;
    for (const [at, byte] of footer.entries()) if (at < 64 || at > 67) sum += byte;
    expect(footer.readUInt32BE(64)).toBe(0xffff_ffff - sum);
  });
});

describe('a tar for Compute Engine', () => {
  test('holds a sparse disk.raw of whole GiB, as GNU tar reads it', async () => {
    const { size, bytes } = await write(mixed, 'disk.tar.gz', { format: 'gce' });
    expect(size).toBe(gib);
    expect(bytes).toBeLessThan(mib);
    const tar = gunzipSync(readFileSync(out('disk.tar.gz')));
    expect(tar.length).toBeLessThan(2 * mib);
    const listed = spawnSync('tar', ['--numeric-owner', '-tvzf', out('disk.tar.gz')], {
      encoding: 'utf8',
      env: { ...process.env, TZ: 'UTC' },
    });
    expect(listed).toMatchObject({ status: 0, stderr: '' });
    expect(listed.stdout).toBe(`-rw-r--r-- 0/0      ${gib} 1970-01-01 00:00 disk.raw\n`);
    expect(spawnSync('tar', ['-xzf', out('disk.tar.gz'), '-C', folder]).status).toBe(0);
    const { disk, close } = await openWholeDisk(join(folder, 'disk.raw'));
    expect(disk.size).toBe(gib);
    expect(sumOf(disk.read(0, mixed.size))).toBe(sumOf(bytesOf(mixed)));
    close();
    expect(statSync(join(folder, 'disk.raw')).blocks * 512).toBeLessThan(3 * mib);
    rmSync(join(folder, 'disk.raw'));
  });

  test('has more runs than fit in a header, and a disk of zeros none', async () => {
    const parts = Array.from({ length: 60 }, (_, i): [number, Buffer] => [
      i * 256 * kib,
      Buffer.of(i + 1),
    ]);
    const many = planOf(60 * 256 * kib, parts);
    for (const [name, plan] of [
      ['many', many],
      ['none', planOf(512, [])],
    ] as const) {
      await write(plan, `${name}.tgz`, { format: 'gce' });
      const compared = spawnSync('sh', [
        '-c',
        `tar -xzOf "$1" disk.raw | head -c ${plan.size} | sha256sum`,
        'sh',
        out(`${name}.tgz`),
      ]);
      expect(compared.stdout.toString().slice(0, 64)).toBe(sumOf(bytesOf(plan)));
    }
  });

  test('tells sizes of 8 GiB and more', () => {
    const header = sparseHeader('disk.raw', 9 * gib, []);
    expect(header.readUInt8(483)).toBe(0x80);
    expect(header.readBigUInt64BE(487)).toBe(BigInt(9 * gib));
  });
});

describe('an OVA', () => {
  const machine = { name: 'web<&"app', memory: 512, cpus: 2 };

  test('is a tar of descriptor, digests and disk, as tar lists them', async () => {
    const options: WriteImageOptions = { format: 'ova', machine: { ...machine, name: 'web' } };
    await write(mixed, 'disk.ova', options);
    await write(mixed, 'disk.vmdk', { format: 'vmdk' });
    const listed = spawnSync('tar', ['--list', '-f', out('disk.ova')], { encoding: 'utf8' });
    expect(listed).toMatchObject({ status: 0, stderr: '' });
    expect(listed.stdout).toBe('web.ovf\nweb.mf\ndisk.vmdk\n');
    const member = (name: string): Buffer =>
      spawnSync('tar', ['-xOf', out('disk.ova'), name], { maxBuffer: 64 * mib }).stdout;
    expect(member('disk.vmdk').equals(readFileSync(out('disk.vmdk')))).toBe(true);
    expect(member('web.mf').toString()).toBe(
      ['web.ovf', 'disk.vmdk'].map((name) => `SHA256(${name})= ${sumOf(member(name))}\n`).join(''),
    );
    expect(readFileSync(out('disk.ova')).subarray(257, 265).toString('latin1')).toBe('ustar\x0000');
  });

  test('describes the machine in XML that another parser reads', async (context) => {
    await write(mixed, 'disk.ova', { format: 'ova', machine });
    const bytes = readFileSync(out('disk.ova'));
    const length = Number.parseInt(bytes.toString('latin1', 124, 135), 8);
    const ovf = bytes.subarray(512, 512 + length);
    writeFileSync(out('machine.ovf'), ovf);
    const script = `
import json, sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
local = lambda name: name.split('}')[-1]
items = [{local(one.tag): one.text for one in item} for item in root.iter() if local(item.tag) == 'Item']
disk = next(one for one in root.iter() if local(one.tag) == 'Disk')
file = next(one for one in root.iter() if local(one.tag) == 'File')
system = next(one for one in root.iter() if local(one.tag) == 'VirtualSystem')
attributes = lambda one: {local(key): value for key, value in one.attrib.items()}
print(json.dumps([local(root.tag), attributes(system), attributes(disk), attributes(file), items]))
`;
    const parsed = spawnSync('python3', ['-c', script, out('machine.ovf')], { encoding: 'utf8' });
    // Nothing of ours may read it, and there is no other reader of XML to be had everywhere.
    if (parsed.error) context.skip('python3 is not installed');
    expect(parsed.stderr).toBe('');
    const [root, system, disk, file, items] = JSON.parse(parsed.stdout);
    expect([root, system.id]).toEqual(['Envelope', machine.name]);
    expect(disk).toMatchObject({ capacity: `${9 * mib + 65_536}`, fileRef: file.id });
    const vmdk = await write(mixed, 'disk.vmdk', { format: 'vmdk' });
    expect(file).toMatchObject({ href: 'disk.vmdk', size: `${vmdk.bytes}` });
    const types = items.map(({ ResourceType: type }: { ResourceType: string }) => type);
    expect(types).toEqual(['3', '4', '5', '17', '10']);
    expect(items[0]).toMatchObject({ VirtualQuantity: '2' });
    expect(items[1]).toMatchObject({ VirtualQuantity: '512', AllocationUnits: 'byte * 2^20' });
    expect(items[3]).toMatchObject({ Parent: items[2].InstanceID });
    for (const item of items) expect(Object.keys(item)).toEqual(Object.keys(item).sort());
  });
});

const qemuImg = spawnSync('qemu-img', ['--version']).status === 0;
if (!qemuImg) console.warn('qemu-img is not installed: what it says of formats is not tested');

describe.skipIf(!qemuImg)('qemu-img', () => {
  const qemuNames: Partial<Record<DiskFormat, string>> = {
    qcow2: 'qcow2',
    vmdk: 'vmdk',
    vdi: 'vdi',
    vhd: 'vpc',
  };
  const opened = ways.filter(([, { format }]) => qemuNames[format] !== undefined);

  function run(...args: readonly string[]): string {
    const { status, stdout, stderr } = spawnSync('qemu-img', args, { encoding: 'utf8' });
    expect({ args, status, stderr }).toEqual({ args, status: 0, stderr: '' });
    return stdout;
  }

  async function verify(plan: Plan, options: WriteImageOptions): Promise<void> {
    const name = qemuNames[options.format] ?? '';
    const { size } = await write(plan, 'disk', options);
    await write({ ...plan, size }, 'raw', { format: 'raw' });
    const info = JSON.parse(run('info', '--output=json', out('disk')));
    expect(info).toMatchObject({
      format: name === 'vpc' ? expect.stringMatching(/raw|vpc/) : name,
    });
    const told = JSON.parse(run('info', '-f', name, '--output=json', out('disk')));
    expect(told['virtual-size']).toBe(size);
    if (name !== 'vpc') {
      const found = JSON.parse(run('check', '-f', name, '--output=json', out('disk')));
      expect(found).not.toHaveProperty('corruptions');
      expect(found).not.toHaveProperty('leaks');
      expect(found['check-errors']).toBe(0);
    }
    run('compare', '-f', 'raw', '-F', name, out('raw'), out('disk'));
  }

  const plans: readonly (readonly [string, Plan])[] = [
    ['a sector of zeros', planOf(512, [])],
    ['one byte', planOf(512, [[511, Buffer.of(1)]])],
    ['an odd size', planOf(65_536 + 512, [[65_536, text(512)]])],
    ['all kinds of bytes', mixed],
    [
      'bytes at the ends of 5 GiB',
      planOf(5 * gib + 512, [
        [0, text(512)],
        [512 * mib - 10, text(20)],
        [5 * gib, text(512)],
      ]),
    ],
  ];
  test.each(opened)('finds %s sound and equal to the raw disk', async (_, options) => {
    for (const [, plan] of plans) await verify(plan, options);
  });

  test('finds a compressed qcow2 sound and equal for any disk', async () => {
    const part = fc.tuple(fc.nat(8 * mib), fc.boolean(), fc.integer({ min: 1, max: 300_000 }));
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 4 }), async (parts) => {
        let end = 0;
        const placed = parts.map(([gap, isNoise, length]): [number, Buffer] => {
          const offset = end + gap;
          end = offset + length;
          return [offset, isNoise ? noise(length) : text(length)];
        });
        const plan = planOf(Math.ceil((end + 1) / 512) * 512, placed);
        await verify(plan, { format: 'qcow2', compression: 'zlib' });
      }),
      { numRuns: 6, seed: 7 },
    );
  });

  test.each([
    ['vmdk', 'subformat=streamOptimized'],
    ['vdi', ''],
    ['vdi', 'static=on'],
    ['vpc', 'subformat=fixed,force_size=on'],
  ])('makes of a disk as %s %s what is read as the same', async (format, settings) => {
    await write(mixed, 'raw', { format: 'raw' });
    const words = settings === '' ? [] : ['-o', settings];
    run('convert', '-f', 'raw', '-O', format, ...words, out('raw'), out('theirs'));
    const { disk, close } = await openWholeDisk(out('theirs'));
    expect(sumOf(disk.read(0, mixed.size))).toBe(sumOf(bytesOf(mixed)));
    close();
  });

  test.each([
    ['vmdk', 'subformat=monolithicSparse'],
    ['vpc', 'subformat=dynamic'],
  ])('makes of a disk as %s %s what is refused with a hint', async (format, settings) => {
    await write(mixed, 'raw', { format: 'raw' });
    run('convert', '-f', 'raw', '-O', format, '-o', settings, out('raw'), out('theirs'));
    await expect(openWholeDisk(out('theirs'))).rejects.toMatchObject({
      code: 'DISK_UNSUPPORTED',
      hint: expect.stringContaining('qemu-img convert -O raw'),
    });
  });
});
