import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createValidator } from '../../schemas/index.ts';
import { describeDisk } from '../../src/describe-disk.ts';
import { refuseInUse } from '../../src/disk/edit-use.ts';
import { fsckDisk } from '../../src/disk/fsck.ts';
import { openWholeDisk } from '../../src/disk/open-disk.ts';
import { writeDisk } from '../../src/disk/output.ts';
import { planDisk } from '../../src/disk/plan.ts';
import { replaceKernel, setCommandLine, setEnvironment } from '../../src/edit-disk.ts';
import { ConvertError } from '../../src/error.ts';
import { extract } from '../../src/extract.ts';
import { encodeCommandLine } from '../../src/osv/command-line.ts';
import { addKernel } from '../../src/osv/kernels.ts';
import type { Report } from '../../src/report.ts';
import { planRofs } from '../../src/rofs/plan.ts';
import { openContents } from '../../src/tree/contents.ts';
import { directory, fileOfBytes, symlink } from '../../src/tree/nodes.ts';
import type { Node } from '../../src/tree/tree.ts';
import { digestOf, openStore, type Store } from '../../store/index.ts';
import { findProgram } from '../support/docker-registry.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { fakeKernelElf, packedLoader } from './osv/fake-kernel.ts';
import { accessOf } from './rofs/image.ts';

let folder = '';
let store: Store;
const at = (name: string): string => join(folder, name);

const app = directory(
  new Map<string, Node>([
    ['app', fileOfBytes(Buffer.alloc(70_000, 'the app '))],
    ['again', symlink('/app/app')],
  ]),
);
const etc = directory(
  new Map<string, Node>([['passwd', fileOfBytes(Buffer.from('root:x:0:0\n'))]]),
);
const rofs = planRofs({
  root: directory(
    new Map<string, Node>([
      ['app', app],
      ['etc', etc],
    ]),
  ),
});

const small = packedLoader(fakeKernelElf());
const other = packedLoader(fakeKernelElf({ limits: [1064] }));
/** More than the 2 MiB before the partition. */
const large = Buffer.concat([
  packedLoader(fakeKernelElf({ limits: [64] })),
  Buffer.alloc(80 * 32_768),
]);
large.writeUInt16LE(large.length / 32_768 - 2, 0x10);

interface Line {
  readonly env?: readonly (readonly [string, string])[];
  readonly args?: readonly string[];
  readonly program?: string;
  readonly cwd?: string;
}

function encode({ env = [['A', '1']], args = ['x y'], program = '/app/app', cwd = '/app' }: Line) {
  const options = { rootfs: 'rofs', env, cwd, powerOffOnAbort: true } as const;
  return encodeCommandLine({ options, program, args, stopThreads: true });
}

type Format = 'raw' | 'qcow2' | 'vdi' | 'vhd' | 'vhd-dynamic' | 'vmdk';

async function build(
  name: string,
  line: Line = {},
  {
    loader = small,
    format = 'raw',
    compression,
  }: {
    readonly loader?: Buffer;
    readonly format?: Format;
    readonly compression?: 'zlib' | 'zstd';
  } = {},
): Promise<string> {
  const plan = planDisk({ loader: accessOf(loader), commandLine: encode(line), rofs });
  const contents = openContents(new Map());
  await writeDisk(plan, at(name), { format, contents, ...(compression && { compression }) });
  return at(name);
}

async function same(one: string, two: string): Promise<boolean> {
  return (await readFile(one)).equals(await readFile(two));
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'osv-convert-edit-'));
  store = await openStore(at('store'));
  for (const [name, bytes] of Object.entries({ other, large })) {
    await addKernel(store, [{ name, bytes }], { name });
  }
  const exposed = fakeKernelElf({ exposed: true });
  await addKernel(store, [{ name: 'elf', bytes: exposed }], { name: 'elf' });
  await addKernel(store, [{ name: 'x', bytes: packedLoader(exposed) }], { name: 'exposed' });
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const kinds = [
  ['raw', undefined],
  ['qcow2', undefined],
  ['qcow2', 'zlib'],
  ['qcow2', 'zstd'],
  ['vdi', undefined],
  ['vhd', undefined],
  ['vhd-dynamic', undefined],
  ['vmdk', undefined],
] as const;

describe.each(kinds)('an edited disk, %s %s', (format, compression) => {
  const how = { format, ...(compression && { compression }) };

  it('is the disk that is built with that line, when its line was changed', async () => {
    const disk = await build('edited', {}, how);
    const edited = await setEnvironment(disk, {
      set: new Map([
        ['A', 'ž $'],
        ['B', '2'],
      ]),
      unset: ['C'],
    });
    expect(edited).toMatchObject({ format, report: null });
    expect(
      await same(
        disk,
        await build(
          'wanted',
          {
            env: [
              ['A', 'ž $'],
              ['B', '2'],
            ],
          },
          how,
        ),
      ),
    ).toBe(true);
    await setCommandLine(disk, { program: '/p', args: ['$', 'z'], cwd: '/' });
    const wanted = {
      env: [
        ['A', 'ž $'],
        ['B', '2'],
      ],
      program: '/p',
      args: ['$', 'z'],
      cwd: '/',
    } as const;
    expect(await same(disk, await build('wanted', wanted, how))).toBe(true);
    await setCommandLine(disk, encode({}));
    expect(await same(disk, await build('wanted', {}, how))).toBe(true);
  });

  it('is the disk that is built with that kernel, when its kernel was replaced', async () => {
    const disk = await build('edited', {}, how);
    await replaceKernel(store, disk, { kernel: 'other' });
    expect(await same(disk, await build('wanted', {}, { ...how, loader: other }))).toBe(true);
    await replaceKernel(store, disk, { kernel: 'large' });
    expect(await same(disk, await build('wanted', {}, { ...how, loader: large }))).toBe(true);
    // What fits before the partition does not move it back.
    const back = await replaceKernel(store, disk, { kernel: 'other' });
    expect(back.partition.offset).toBe(4 << 20);
    const open = await openWholeDisk(disk);
    expect(fsckDisk(open.disk).findings).toEqual([]);
    open.close();
    expect((await describeDisk(disk)).kernel).toMatchObject({
      digest: digestOf(other),
      tlsLimit: 1064,
    });
  });
});

describe('describeDisk', () => {
  it('tells kernel, line, partition and files of a disk', async () => {
    const disk = await build('told', { args: ['$', 'b'] });
    expect(await describeDisk(disk)).toMatchObject({
      format: 'raw',
      form: 'bios',
      kernel: { digest: digestOf(small), size: small.length, symbols: 'hidden', tlsLimit: 552 },
      commandLine: {
        limit: 32_255,
        meaning: {
          options: [{ name: 'rootfs', value: 'rofs' }, { name: 'power-off-on-abort' }],
          env: new Map([['A', '1']]),
          cwd: '/app',
          programs: [{ words: ['/app/app', '$', 'b'], end: '!' }],
        },
      },
      partition: { offset: 2 << 20, size: rofs.size },
      rofs: { files: 2, directories: 3, symlinks: 1, size: rofs.size },
      report: { state: 'none' },
    });
  });

  it('tells why OSv would refuse a line', async () => {
    const bytes = await readFile(await build('refused'));
    bytes.write('--rootfs= /a\0', 512);
    await writeFile(at('refused'), bytes);
    const { commandLine } = await describeDisk(at('refused'));
    expect(commandLine?.meaning).toEqual({ reason: 'the option --rootfs without its value' });
    const failure = setEnvironment(at('refused'), { set: new Map([['A', '1']]), unset: [] });
    await expect(failure).rejects.toMatchObject({ code: 'DISK_INVALID' });
    await setCommandLine(at('refused'), encode({}));
    expect((await describeDisk(at('refused'))).commandLine?.meaning).toHaveProperty('programs');
  });

  it('tells the disk that needs a kernel, and the ROFS alone', async () => {
    const contents = openContents(new Map());
    await writeDisk(planDisk({ rofs }), at('direct'), { format: 'raw', contents });
    expect(await describeDisk(at('direct'))).toMatchObject({
      form: 'direct',
      kernel: null,
      commandLine: null,
      partition: { offset: 512 },
    });
    await writeFile(at('rofs'), (await readFile(at('direct'))).subarray(512));
    expect(await describeDisk(at('rofs'))).toMatchObject({ form: 'rofs', partition: null });
    for (const disk of ['direct', 'rofs']) {
      await expect(setCommandLine(at(disk), encode({}))).rejects.toMatchObject({
        code: 'DISK_UNSUPPORTED',
        hint: expect.stringContaining('osv-convert run'),
      });
    }
  });
});

describe('a damaged disk', () => {
  it('is described and edited, or refused, and never fails otherwise', async () => {
    const disk = await build('mutated', {}, { format: 'qcow2' });
    const sound = await readFile(disk);
    const random = seededRandom(7);
    const below = (limit: number) => Math.floor(random() * limit);
    for (let run = 0; run < 60; run += 1) {
      const bytes = Buffer.from(sound);
      // The tables of the file, the boot sector and the command line on it, the tables of the ROFS.
      const ranges = [
        [0, 300],
        [3 * 65_536, 1024],
        [bytes.length - 200_000, 200_000],
      ] as const;
      for (let count = 0; count < 4; count += 1) {
        const [start, length] = ranges[below(3)] ?? ranges[0];
        bytes[start + below(length)] = below(256);
      }
      await writeFile(disk, bytes);
      const works = [
        describeDisk(disk),
        setEnvironment(disk, { set: new Map([['A', '2']]), unset: [] }),
      ];
      for (const end of await Promise.allSettled(works)) {
        if (end.status === 'rejected') expect(end.reason).toBeInstanceOf(ConvertError);
      }
    }
  });
});

describe('the report beside a disk', () => {
  async function withReport(name: string): Promise<string> {
    const disk = await build(name);
    const { size, partition } = planDisk({
      loader: accessOf(small),
      commandLine: encode({}),
      rofs,
    });
    const digest = digestOf(small);
    const report: Report = {
      version: 1,
      image: {
        reference: 'a/b:c',
        manifest: digest,
        config: digest,
        platform: 'linux/amd64',
        layers: [],
      },
      app: {
        kind: 'self-contained',
        program: '/app/app',
        args: ['x y'],
        workingDirectory: '/app',
        aspnet: false,
      },
      runtime: null,
      added: [],
      kernel: { name: 'small', architecture: 'x86_64', symbols: 'hidden', loader: digest },
      disk: { format: 'raw', boot: 'bios', size, partition },
      rofs: { files: 2, directories: 3, symlinks: 1, bytes: rofs.size },
      reach: null,
      commandLine: Buffer.from(encode({})).toString(),
      env: { A: '1' },
      files: [],
      additions: [],
      memory: null,
      tmpfs: [],
      warnings: [],
    };
    await writeFile(`${disk}.json`, JSON.stringify(report));
    return disk;
  }

  it('stays true through every edit', async () => {
    const disk = await withReport('reported');
    expect((await describeDisk(disk)).report).toEqual({ state: 'true' });
    await setEnvironment(disk, { set: new Map([['Z', '$']]), unset: ['A'] });
    await setCommandLine(disk, { args: ['q', 'ž'], cwd: '/etc' });
    const edited = await replaceKernel(store, disk, { kernel: 'large' });
    expect(edited.report).toBe(`${disk}.json`);
    expect((await describeDisk(disk)).report).toEqual({ state: 'true' });
    const report = JSON.parse(await readFile(`${disk}.json`, 'utf8'));
    expect((await createValidator('report'))(report)).toBeUndefined();
    expect(report).toMatchObject({
      app: {
        kind: 'self-contained',
        program: '/app/app',
        args: ['q', 'ž'],
        workingDirectory: '/etc',
      },
      env: { Z: '$' },
      kernel: { name: 'large', loader: digestOf(large) },
      disk: { partition: { offset: 4 << 20 } },
    });
  });

  it('is told to differ when the disk is another, and to be foreign when it is none', async () => {
    const disk = await withReport('differs');
    const bytes = await readFile(disk);
    bytes.write('/other\0', 512);
    await writeFile(disk, bytes);
    expect((await describeDisk(disk)).report).toEqual({
      state: 'differs',
      differences: [expect.stringMatching(/^command line: .* on the disk "\/other"$/)],
    });
    await writeFile(`${disk}.json`, '{}');
    expect((await describeDisk(disk)).report).toEqual({ state: 'foreign' });
    const told: unknown[] = [];
    const edited = await setCommandLine(
      disk,
      { cwd: '/' },
      { onEvent: (event) => told.push(event) },
    );
    expect(edited.report).toBeNull();
    expect(await readFile(`${disk}.json`, 'utf8')).toBe('{}');
    expect(told).toContainEqual(expect.objectContaining({ event: 'warning' }));
  });

  it('keeps a kernel away on which the app cannot run, unless forced', async () => {
    const disk = await withReport('unsuitable');
    const refused = replaceKernel(store, disk, { kernel: 'exposed' });
    await expect(refused).rejects.toMatchObject({ code: 'KERNEL_UNSUITABLE' });
    await replaceKernel(store, disk, { kernel: 'exposed', force: true });
    expect((await describeDisk(disk)).kernel).toMatchObject({ symbols: 'exposed' });
  });
});

describe('a disk that cannot be edited', () => {
  it('is left as it was, with nothing beside it', async () => {
    const disk = await build('kept');
    const before = await readFile(disk);
    const names = await readdir(folder);
    const abort = AbortSignal.abort(new Error('enough'));
    const failures: readonly (readonly [Promise<unknown>, object])[] = [
      [replaceKernel(store, disk, { kernel: 'elf' }), { code: 'KERNEL_NOT_FOUND' }],
      [replaceKernel(store, disk, { kernel: 'nope' }), { code: 'KERNEL_NOT_FOUND' }],
      [setCommandLine(disk, Buffer.from('--rootfs=rofs')), { code: 'USAGE' }],
      [
        setCommandLine(disk, Buffer.from(`/${'x'.repeat(32_255)}`)),
        { code: 'COMMAND_LINE_INEXPRESSIBLE' },
      ],
      [setCommandLine(disk, { cwd: '/' }, { signal: abort }), { message: 'enough' }],
    ];
    for (const [edit, failure] of failures) await expect(edit).rejects.toMatchObject(failure);
    expect((await readFile(disk)).equals(before)).toBe(true);
    expect(await readdir(folder)).toEqual(names);
  });

  it.each<[string, (bytes: Buffer) => unknown, string]>([
    [
      'whose kernel is longer than it',
      (bytes) => bytes.writeUInt16LE(60_000, 0x10),
      'DISK_INVALID',
    ],
    ['without a second partition', (bytes) => bytes.writeUInt8(0, 0x1d2), 'DISK_INVALID'],
    [
      'whose partition lies in the kernel',
      (bytes) => bytes.writeUInt32LE(130, 0x1d6),
      'DISK_INVALID',
    ],
    [
      'whose partition is longer than it',
      (bytes) => bytes.writeUInt32LE(2 ** 31, 0x1da),
      'DISK_INVALID',
    ],
  ])('%s is refused', async (_, damage, code) => {
    const bytes = await readFile(await build('damaged'));
    damage(bytes);
    await writeFile(at('damaged'), bytes);
    await expect(setCommandLine(at('damaged'), { cwd: '/' })).rejects.toMatchObject({ code });
  });

  it('has another partition in the way of one that must move', async () => {
    const bytes = await readFile(await build('neighbour'));
    bytes.copy(bytes, 0x1de, 0x1ce, 0x1de);
    await writeFile(at('neighbour'), bytes);
    await expect(replaceKernel(store, at('neighbour'), { kernel: 'large' })).rejects.toMatchObject({
      code: 'DISK_UNSUPPORTED',
    });
    await replaceKernel(store, at('neighbour'), { kernel: 'other' });
    const after = await readFile(at('neighbour'));
    expect(after.subarray(0x1be, 0x1fe)).toEqual(bytes.subarray(0x1be, 0x1fe));
  });

  it('is a qcow2 with snapshots, which would be lost', async () => {
    const bytes = await readFile(await build('snap', {}, { format: 'qcow2' }));
    bytes.writeUInt32BE(2, 60);
    await writeFile(at('snap'), bytes);
    await expect(setCommandLine(at('snap'), { cwd: '/' })).rejects.toMatchObject({
      code: 'DISK_UNSUPPORTED',
      message: expect.stringContaining('2 snapshots'),
    });
    // To look at it loses nothing.
    expect(await describeDisk(at('snap'))).toMatchObject({ format: 'qcow2', form: 'bios' });
  });

  const flock = findProgram('flock');
  if (flock === undefined) console.log('skipped: locking a disk, for flock is not installed');
  it.skipIf(flock === undefined)('is one that another process has locked', async () => {
    const disk = await build('locked');
    const holder = spawn('flock', [disk, 'sh', '-c', 'echo held; cat'], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    const ended = once(holder, 'close');
    await once(holder.stdout, 'data');
    const listed = (await readFile('/proc/locks', 'utf8')).includes(`:${(await stat(disk)).ino} `);
    try {
      const edit = setCommandLine(disk, { cwd: '/' });
      // Some file systems show their files by another device than their locks.
      if (!listed) return;
      await expect(edit).rejects.toMatchObject({
        code: 'OUTPUT_UNUSABLE',
        message: expect.stringContaining(`locked by process`),
      });
    } finally {
      holder.stdin.end();
      await ended;
    }
    await setCommandLine(disk, { cwd: '/' });
  });

  it('is not one that is locked by nobody, or on a system that tells nothing', async () => {
    const disk = await build('free');
    refuseInUse(disk);
    refuseInUse(disk, at('no such list'));
    const { dev, ino } = await stat(disk, { bigint: true });
    const minor = Number(dev & 0xffn)
      .toString(16)
      .padStart(2, '0');
    const major = Number((dev >> 8n) & 0xfffn)
      .toString(16)
      .padStart(2, '0');
    const line = (kind: string) => `1: ${kind} ADVISORY READ -1 ${major}:${minor}:${ino} 100 100\n`;
    await writeFile(at('locks'), line('LEASE'));
    refuseInUse(disk, at('locks'));
    await writeFile(at('locks'), line('OFDLCK'));
    expect(() => refuseInUse(disk, at('locks'))).toThrow('locked by another process');
  });
});

describe('extract', () => {
  it('writes files, folders and links at their places below a new folder', async () => {
    const disk = await build('source', {}, { format: 'qcow2', compression: 'zlib' });
    const told = await extract(disk, ['/etc/passwd', 'app/again'], at('out'));
    expect(told).toMatchObject({ paths: ['/etc/passwd', '/app/again'], files: 1, bytes: 11 });
    expect((await readdir(at('out'), { recursive: true })).sort()).toEqual([
      'app',
      'app/again',
      'etc',
      'etc/passwd',
    ]);
    await extract(disk, ['/'], at('all'));
    expect((await readFile(at('all/app/app'))).length).toBe(70_000);
    await writeFile(at('all/app/app'), 'a file that can be written again');
  });

  it('fails for what is not there, and leaves nothing', async () => {
    const disk = await build('source');
    const failure = extract(disk, ['/etc', '/nope'], at('never'));
    await expect(failure).rejects.toMatchObject({ code: 'PATH_NOT_FOUND' });
    await expect(stat(at('never'))).rejects.toThrow('ENOENT');
    await copyFile(disk, at('file'));
    await expect(extract(disk, ['/etc'], at('file'))).rejects.toMatchObject({
      code: 'OUTPUT_UNUSABLE',
    });
  });
});
