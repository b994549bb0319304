import { spawnSync } from 'node:child_process';
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type OpenDisk, openDisk } from '../../../src/disk/open-disk.ts';
import { writeDisk } from '../../../src/disk/output.ts';
import { type DiskPlan, planDisk } from '../../../src/disk/plan.ts';
import { readQcow2Header } from '../../../src/disk/qcow2-header.ts';
import { openInflater } from '../../../src/disk/qcow2-inflate.ts';
import { ConvertError, errorCodeOf } from '../../../src/error.ts';
import { planRofs } from '../../../src/rofs/plan.ts';
import { readRofs } from '../../../src/rofs/read.ts';
import { openContents } from '../../../src/tree/contents.ts';
import { directory, fileOfBytes, symlink } from '../../../src/tree/nodes.ts';
import type { Node, Tree } from '../../../src/tree/tree.ts';
import { walkTree } from '../../../src/tree/walk.ts';
import { digestOf } from '../../../store/index.ts';
import { zstdFrame } from '../../support/layers.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { accessOf, imageOf } from '../rofs/image.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'read-disk-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const contents = openContents(new Map());

/** What a compressor can do nothing with. */
function noise(length: number): Buffer {
  const random = seededRandom(length);
  return Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)));
}

const hosts = fileOfBytes(Buffer.from('127.0.0.1 localhost\n'));
const tree = treeOf({
  empty: fileOfBytes(Buffer.alloc(0)),
  etc: directory(new Map<string, Node>([['hosts', hosts]])),
  hosts,
  noise: fileOfBytes(noise(200_000)),
  text: fileOfBytes(Buffer.alloc(150_001, 'abcdefghijklmnop')),
  'to hosts': symlink('../etc/hosts'),
  zeros: fileOfBytes(Buffer.concat([Buffer.alloc(1 << 20), Buffer.from('end')])),
});
const direct = planDisk({ rofs: planRofs(tree) });

function treeOf(entries: Readonly<Record<string, Node>>): Tree {
  return { root: directory(new Map(Object.entries(entries))) };
}

function loader(): Buffer {
  const bytes = Buffer.alloc(65_536 + 3 * 32_768, 'k').fill(0, 512, 65_536);
  bytes.writeUInt16LE(3, 0x10);
  bytes.fill(0, 0x1be, 0x1fe).writeUInt16LE(0xaa55, 0x1fe);
  return bytes;
}

/** One line a node: what a ROFS keeps of it. */
function linesOf({ root }: Tree): readonly string[] {
  return Array.from(walkTree({ root }), ({ path, node }) => {
    const size = node.kind === 'file' ? ` ${node.content.size} ${node.content.digest}` : '';
    return `${path} ${node.kind}${size}${node.kind === 'symlink' ? ` ${node.target}` : ''}`;
  });
}

async function using<T>(path: string, use: (disk: OpenDisk) => T): Promise<T> {
  const disk = await openDisk(path);
  try {
    return use(disk);
  } finally {
    disk.close();
  }
}

async function read(path: string): Promise<readonly string[]> {
  return await using(path, ({ rofs }) => linesOf(readRofs(rofs)));
}

async function written(plan: DiskPlan, format: 'raw' | 'qcow2'): Promise<string> {
  const path = join(folder, `${plan.boot}.${format}`);
  await writeDisk(plan, path, { format, contents });
  return path;
}

function fileOf(bytes: Uint8Array, name = 'file'): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

describe('openDisk', () => {
  const bios = () =>
    planDisk({ loader: accessOf(loader()), commandLine: Buffer.from('/a S\xef'), rofs });
  const rofs = planRofs(tree);

  test.each(['raw', 'qcow2'] as const)(
    'reads the tree that was planned from a %s disk',
    async (format) => {
      expect(await read(await written(direct, format))).toEqual(linesOf(tree));
      expect(await read(await written(bios(), format))).toEqual(linesOf(tree));
    },
  );

  test('reads a ROFS that is alone in its file', async () => {
    expect(await read(fileOf(imageOf(rofs)))).toEqual(linesOf(tree));
  });

  test('reads a disk whose command line looks like another file system', async () => {
    const bytes = readFileSync(await written(bios(), 'raw'));
    bytes.write('EFI PART', 512, 'latin1').toString();
    bytes.write('\x53\xef', 1080, 'latin1');
    expect(await read(fileOf(bytes))).toEqual(linesOf(tree));
  });

  test('gives a tree or an error when any bytes are others', async () => {
    const [raw, qcow2] = [await written(direct, 'raw'), await written(bios(), 'qcow2')];
    await readOrRefuse([readFileSync(raw), readFileSync(qcow2), imageOf(rofs)]);
  });

  test('reads no more of a disk than is asked for', async () => {
    const size = 2 ** 36;
    const zeros = { size, read: (_: number, length: number) => Buffer.alloc(length) };
    const digest = digestOf(Buffer.alloc(0));
    const huge = {
      ...hosts,
      content: { kind: 'access', access: zeros, offset: 0, size, digest } as const,
    };
    const plan = planDisk({ rofs: planRofs(treeOf({ huge, last: hosts })) });
    const path = join(folder, 'huge');
    const fd = openSync(path, 'w');
    ftruncateSync(fd, plan.size);
    for (const { offset, source } of plan.segments()) {
      if (source.kind === 'bytes') writeSync(fd, source.bytes, 0, source.bytes.length, offset);
    }
    closeSync(fd);
    await using(path, (disk) => {
      const { entries } = readRofs(disk.rofs).root;
      expect([...entries.keys()]).toEqual(['huge', 'last']);
      const node = entries.get('huge');
      if (node?.kind !== 'file') throw new Error('huge is a file');
      const target = Buffer.alloc(3, 'x');
      contents.readInto(node.content, size - 3, target);
      expect(target).toEqual(Buffer.alloc(3));
    });
  });

  test('gives nothing any more once it is closed', async () => {
    const disk = await openDisk(await written(direct, 'raw'));
    disk.close();
    disk.close();
    expect(() => disk.rofs.read(0, 1)).toThrow('after it was closed');
  });

  test('says where the file ends when it became shorter', async () => {
    const path = fileOf(readFileSync(await written(direct, 'raw')), 'shrinking');
    await using(path, ({ rofs }) => {
      const { entries } = readRofs(rofs).root;
      truncateSync(path, 10_000);
      const node = entries.get('zeros');
      expect(() => node?.kind === 'file' && node.content.digest).toThrow(
        expect.objectContaining({ code: 'DISK_INVALID' }),
      );
    });
  });

  test('refuses what is no file that can be read', async () => {
    const sub = join(folder, 'a folder');
    mkdirSync(sub);
    for (const path of [sub, join(folder, 'nothing'), '/dev/null']) {
      await expect(openDisk(path)).rejects.toMatchObject({ code: 'USAGE' });
    }
  });

  const kinds: [string, Uint8Array, string?][] = [
    ['0 bytes', Buffer.alloc(0)],
    ['511 bytes', Buffer.alloc(511)],
    ['no boot sector', Buffer.alloc(4096)],
    ['a gzip file', padded('\x1f\x8b\x08')],
    ['a zstd file', padded('\x28\xb5\x2f\xfd')],
    ['an xz file', padded('\xfd7zXZ\0')],
    ['an ELF', padded('\x7fELF')],
    ['a VMDK disk', padded('# Disk DescriptorFile'), 'qemu-img convert -O raw'],
    ['a VHDX disk', padded('vhdxfile'), 'qemu-img convert -O raw'],
    ['a qcow disk of version 1', padded('QFI\xfb\0\0\0\x01'), 'qemu-img convert -O raw'],
    ['a tar', padded('', 257, 'ustar'), 'tar -tvf '],
    [
      'a disk for Google Compute Engine, packed',
      gzipSync(padded('disk.raw', 257, 'ustar')),
      'tar -xzf ',
    ],
    ['an ext2, ext3 or ext4 file system', padded('', 1080, '\x53\xef')],
    ['a disk with a GUID partition table', padded('', 512, 'EFI PART')],
  ];
  test.each(kinds)('says so when it finds %s', async (name, bytes, hint) => {
    await expect(openDisk(fileOf(bytes))).rejects.toMatchObject({
      code: 'DISK_UNSUPPORTED',
      message: expect.stringContaining(`found ${name}, wanted a disk of OSv (raw, qcow2`),
      hint: hint === undefined ? undefined : expect.stringContaining(hint),
    });
  });

  function padded(head: string, at = 0, magic = ''): Buffer {
    const bytes = Buffer.alloc(2048);
    bytes.write(head, 'latin1');
    bytes.write(magic, at, 'latin1');
    return bytes;
  }

  const partitions: [string, string, (disk: Buffer) => void][] = [
    ['there is no second partition', 'DISK_INVALID', (disk) => disk.fill(0, 0x1ce, 0x1de)],
    ['it begins in the boot sector', 'DISK_INVALID', (disk) => disk.fill(0, 0x1d6, 0x1da)],
    ['it ends past the disk', 'DISK_INVALID', (disk) => disk.writeUInt32LE(2 ** 31, 0x1da)],
    ['it begins past the disk', 'DISK_INVALID', (disk) => disk.writeUInt32LE(2 ** 32 - 1, 0x1d6)],
    ['something else is in it', 'DISK_UNSUPPORTED', (disk) => disk.fill(1, 512, 520)],
  ];
  test.each(partitions)('refuses a disk when %s', async (_, code, change) => {
    const disk = readFileSync(await written(direct, 'raw'));
    change(disk);
    await expect(openDisk(fileOf(disk))).rejects.toMatchObject({
      code,
      message: expect.stringContaining('partition'),
    });
  });
});

describe('openDisk of a qcow2 disk', () => {
  let sound: Buffer;
  beforeAll(async () => {
    sound = readFileSync(await written(direct, 'qcow2'));
  });

  const cluster = 65_536;
  const l1 = cluster;
  const l2 = 2 * cluster;

  /** Of the sound disk, a few bytes of which are others. */
  function changed(...changes: readonly (readonly [offset: number, hex: string])[]): string {
    const bytes = Buffer.from(sound);
    for (const [offset, hex] of changes) bytes.write(hex, offset, 'hex');
    return fileOf(bytes, 'changed.qcow2');
  }

  const unsupported: [string, string, [number, string][]][] = [
    ['qcow2 of version 4', 'version 4', [[4, '00000004']]],
    ['a backing file', 'backing file', [[8, '0000000000000200']]],
    ['AES', 'encryption (AES)', [[32, '00000001']]],
    ['LUKS', 'encryption (LUKS)', [[32, '00000002']]],
    ['an encryption of later times', 'encryption (method 9)', [[32, '00000009']]],
    ['an external data file', 'external data file', [[79, '04']]],
    ['extended L2 entries', 'extended L2', [[79, '10']]],
    ['an unknown feature', 'incompatible features 0x20', [[79, '20']]],
    ['an unknown feature of the last bit', 'features 0x8000000000000000', [[72, '80']]],
    [
      'an unknown compression',
      'compression of type 2',
      [
        [79, '08'],
        [100, '00000070'],
        [104, '02'],
      ],
    ],
  ];
  test.each(unsupported)('refuses %s', async (_, words, changes) => {
    await expect(openDisk(changed(...changes))).rejects.toMatchObject({
      code: 'DISK_UNSUPPORTED',
      message: expect.stringContaining(words),
      ...(!words.startsWith('encryption') && {
        hint: expect.stringContaining('qemu-img convert -O raw'),
      }),
    });
  });

  const invalid: [string, [number, string][]][] = [
    ['the mark of a corrupt disk', [[79, '02']]],
    ['a compression that it does not tell', [[100, '00000008']]],
    ['a header of 105 bytes', [[100, '00000069']]],
    ['clusters of 256 bytes', [[20, '00000008']]],
    ['clusters of 4 MiB', [[20, '00000016']]],
    ['clusters of 2^4294967295 bytes', [[20, 'ffffffff']]],
    ['a size past 2^53', [[24, '0020000000000000']]],
    ['a size past its L1 table', [[24, '0000010000000000']]],
    ['an L1 table past any', [[36, '00400001']]],
    ['an L1 table past the end', [[40, '0000000100000000']]],
    ['an L1 table inside a cluster', [[40, '0000000000010200']]],
    ['an L1 table at 2^64', [[40, 'ffffffffffff0000']]],
    ['an L2 table inside a cluster', [[l1, '8000000000020200']]],
    ['an L2 table past the end', [[l1, '8000000100000000']]],
    ['an L2 table at 2^56', [[l1, '80ffffffffff0000']]],
    ['a cluster inside another', [[l2, '8000000000030200']]],
    ['a cluster past the end', [[l2, '8000000100000000']]],
    ['a compressed cluster past the end', [[l2, '4000000100000000']]],
    ['a compressed cluster at the start', [[l2, '4000000000000000']]],
    ['a compressed cluster that is none', [[l2, '4000000000030000']]],
    [
      'a cluster of zeros in version 2',
      [
        [4, '00000002'],
        [l2, '0000000000000001'],
      ],
    ],
  ];
  test.each(invalid)('refuses %s', async (_, changes) => {
    await expect(read(changed(...changes))).rejects.toMatchObject({
      code: 'DISK_INVALID',
      message: expect.stringMatching(/changed\.qcow2": found .*, wanted /),
    });
  });

  test.each([8, 71, 103, cluster + 7, 2 * cluster + 7])(
    'refuses one cut off at byte %i',
    async (size) => {
      await expect(read(fileOf(sound.subarray(0, size)))).rejects.toMatchObject({
        code: expect.stringMatching(/^DISK_/),
      });
    },
  );

  test('reads one that was not closed', async () => {
    expect(await read(changed([79, '01']))).toEqual(linesOf(tree));
  });

  test('reads clusters of zeros, with room and without, as zeros', async () => {
    // The last cluster of `zeros` that has only zeros; all before it are not allocated.
    const entry = l2 + 8 * Math.floor((512 + 1024 + 400_000 + 700_000) / cluster);
    expect(sound.readBigUInt64BE(entry)).toBe(0n);
    expect(await read(changed([entry, '0000000000000001']))).toEqual(linesOf(tree));
    expect(await read(changed([entry, '8000000000030001']))).toEqual(linesOf(tree));
  });

  /** The sound disk, its first cluster anew behind all others, compressed. */
  function recompressed(packed: Uint8Array, header: readonly [number, string][] = []): string {
    const at = sound.length;
    const sectors = Math.ceil(packed.length / 512) - 1;
    const bytes = Buffer.concat([sound, packed]);
    bytes.writeBigUInt64BE((1n << 62n) | (BigInt(sectors) << 54n) | BigInt(at), l2);
    for (const [offset, hex] of header) bytes.write(hex, offset, 'hex');
    return fileOf(bytes);
  }

  const first = () => sound.subarray(3 * cluster, 4 * cluster);
  const zstd: [number, string][] = [
    [79, '08'],
    [100, '00000070'],
    [104, '01'],
  ];

  test('reads compressed clusters, and not what follows in their last sector', async () => {
    const deflated = deflateRawSync(first());
    expect(await read(recompressed(deflated))).toEqual(linesOf(tree));
    expect(await read(recompressed(Buffer.concat([deflated, noise(100)])))).toEqual(linesOf(tree));
    const frame = zstdFrame(first());
    expect(await read(recompressed(frame, zstd))).toEqual(linesOf(tree));
    expect(await read(recompressed(Buffer.concat([frame, noise(100)]), zstd))).toEqual(
      linesOf(tree),
    );
  });

  test.each([
    ['more', () => Buffer.concat([first(), Buffer.alloc(1)])],
    ['less', () => first().subarray(1)],
    ['a thousand times more', () => Buffer.alloc(cluster * 1000)],
  ])('refuses a compressed cluster that gives %s', async (_, bytes) => {
    await expect(read(recompressed(deflateRawSync(bytes())))).rejects.toMatchObject({
      code: 'DISK_INVALID',
    });
  });

  test('refuses a zstd cluster that is cut off, or none', async () => {
    const frame = zstdFrame(first());
    for (const packed of [frame.subarray(0, -9), noise(1000)]) {
      await expect(read(recompressed(packed, zstd))).rejects.toMatchObject({
        code: 'DISK_INVALID',
      });
    }
  });

  test('refuses zstd, and tells the way round, when nothing inflates it', async () => {
    const file = accessOf(readFileSync(recompressed(zstdFrame(first()), zstd)));
    const header = readQcow2Header(file, 'disk');
    await expect(openInflater(file, 'disk', header, async () => undefined)).rejects.toMatchObject({
      code: 'DISK_UNSUPPORTED',
      message: expect.stringContaining('zstd'),
      hint: 'qemu-img convert -O raw disk disk.raw',
    });
  });
});

const hasQemuImg = spawnSync('qemu-img', ['--version']).status === 0;
if (!hasQemuImg) console.warn('qemu-img is not installed: disks that it writes are not read');

describe.skipIf(!hasQemuImg)('openDisk of what qemu-img writes', () => {
  let raw = '';
  beforeAll(async () => {
    raw = await written(direct, 'raw');
  });

  function converted(...options: readonly string[]): string {
    const path = join(folder, 'converted.qcow2');
    rmSync(path, { force: true });
    const args = ['convert', '-f', 'raw', '-O', 'qcow2', ...options, raw, path];
    const { status, stderr } = spawnSync('qemu-img', args, { encoding: 'utf8' });
    expect({ args, status, stderr }).toEqual({ args, status: 0, stderr: '' });
    return path;
  }

  const conversions = [
    '',
    '-c',
    '-c -o compression_type=zstd',
    '-o compat=0.10',
    '-c -o compat=0.10,cluster_size=4096',
    '-o cluster_size=512',
    '-c -o cluster_size=512',
    '-o cluster_size=2M',
    '-c -o cluster_size=2M',
    '-c -o cluster_size=2M,compression_type=zstd',
    '-o preallocation=metadata',
    '-o preallocation=falloc,cluster_size=1024',
    '-o preallocation=full',
    '-o refcount_bits=1,lazy_refcounts=on',
    '-S 0',
  ];
  test.each(conversions)(
    'reads the tree that was planned with the options "%s"',
    async (options) => {
      const words = options.split(' ').filter((word) => word !== '');
      expect(await read(converted(...words))).toEqual(linesOf(tree));
    },
  );

  test('refuses what it writes for a backing file, encryption and extended L2 entries', async () => {
    const secret = ['--object', 'secret,id=key,data=secret'];
    for (const [words, options] of [
      ['extended L2', ['-o', 'extended_l2=on,cluster_size=128k']],
      ['external data file', ['-o', `data_file=${join(folder, 'data')}`]],
      ['encryption (AES)', [...secret, '-o', 'encrypt.format=aes,encrypt.key-secret=key']],
      ['backing file', ['-F', 'raw', '-B', raw]],
    ] as const) {
      await expect(openDisk(converted(...options))).rejects.toMatchObject({
        code: 'DISK_UNSUPPORTED',
        message: expect.stringContaining(words),
      });
    }
  });

  test('gives a hint for an encrypted disk that decrypts it', async () => {
    const key = join(folder, 'KEY');
    writeFileSync(key, 'secret');
    const secret = ['--object', `secret,id=key,file=${key}`];
    const options = ['-o', 'encrypt.format=luks,encrypt.iter-time=10,encrypt.key-secret=key'];
    const disk = join(folder, "it's, here.qcow2");
    renameSync(converted(...secret, ...options), disk);
    const error: unknown = await openDisk(disk).catch((cause: unknown) => cause);
    const hint = error instanceof ConvertError ? (error.hint ?? '') : '';
    expect(spawnSync('sh', ['-c', hint], { cwd: folder }).status).toBe(0);
    expect(await read(join(folder, 'disk.raw'))).toEqual(linesOf(tree));
  });

  test('gives a tree or an error when any bytes are others', async () => {
    const options = [
      ['-c'],
      ['-o', 'cluster_size=512'],
      ['-c', '-o', 'cluster_size=4096,compression_type=zstd'],
    ];
    await readOrRefuse(options.map((one) => readFileSync(converted(...one))));
  });
});

/** Reads each of the disks with all kinds of wrong bytes in it. */
async function readOrRefuse(disks: readonly Buffer[]): Promise<void> {
  // Headers, tables and file system lie in the first sectors, in the first clusters and in the last.
  const place = fc.oneof(
    fc.nat(128),
    fc.nat(8192),
    fc.integer({ min: 65_536, max: 65_560 }),
    fc.integer({ min: 131_072, max: 131_200 }),
    fc.integer({ min: -70_000, max: -1 }),
    fc.nat(),
  );
  const change = fc.tuple(place, fc.integer({ min: 1, max: 255 }));
  const changes = fc.array(change, { minLength: 1, maxLength: 6 });
  const outcomes = new Set<string>();
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...disks), changes, async (sound, changes) => {
      const bytes = Buffer.from(sound);
      for (const [at, flip] of changes) {
        const offset = at < 0 ? Math.max(0, bytes.length + at) : at % bytes.length;
        bytes.writeUInt8(bytes.readUInt8(offset) ^ flip, offset);
      }
      const outcome = await read(fileOf(bytes)).then(
        () => 'a tree',
        (error: unknown) => errorCodeOf(error) ?? String(error),
      );
      outcomes.add(outcome);
      expect(outcome).toMatch(/^(a tree|DISK_INVALID|DISK_UNSUPPORTED|ROFS_INVALID)$/);
    }),
    { numRuns: 200, seed: 11 },
  );
  expect([...outcomes]).toEqual(expect.arrayContaining(['DISK_INVALID', 'a tree']));
}
