import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { extStateOf } from '../../../src/run/ext-superblock.ts';
import { findSystemProgram } from '../../../src/run/system-program.ts';
import { checkVolume } from '../../../src/run/volume-check.ts';
import { makeVolume, mke2fsArguments } from '../../../src/run/volume-file.ts';
import { writeProgram } from '../../support/write-program.ts';

const { env } = process;
const tools = ['mke2fs', 'dumpe2fs', 'e2fsck'].map((name) => findSystemProgram(name, env));
const [, dumpe2fs = '', e2fsck = ''] = tools;
const absent = tools.includes(undefined);
if (absent) console.log('skipped: volumes, for e2fsprogs is not installed');

const mib = 2 ** 20;

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'osv-convert-volume-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const at = (name: string): string => join(folder, name);

/** Sets two bytes of the superblock (Linux, fs/ext4/ext4.h). */
async function patch(path: string, offset: number, value: number): Promise<void> {
  const file = await open(path, 'r+');
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  await file.write(bytes, 0, 2, 1024 + offset);
  await file.close();
}

describe.skipIf(absent)('makeVolume', () => {
  it('makes a sparse ext4 that OSv can mount and that e2fsck finds sound', async () => {
    await makeVolume(at('data.ext4'), 256 * mib, env);
    const { size, blocks } = await stat(at('data.ext4'));
    expect(size).toBe(256 * mib);
    expect(blocks * 512).toBeLessThan(4 * mib);
    const told = spawnSync(dumpe2fs, ['-h', at('data.ext4')], { encoding: 'utf8' }).stdout;
    expect(told).toMatch(/^Block size: +4096$/m);
    expect(told).toMatch(/^Reserved block count: +0$/m);
    const [, features = ''] = /^Filesystem features: +(.*?) *$/m.exec(told) ?? [];
    expect(features.split(' ').sort()).toEqual([
      ...['dir_index', 'dir_nlink', 'extent', 'extra_isize', 'filetype', 'flex_bg', 'huge_file'],
      ...['large_file', 'sparse_super'],
    ]);
    expect(spawnSync(e2fsck, ['-fn', at('data.ext4')]).status).toBe(0);
    expect(await readdir(folder)).toEqual(['data.ext4']);
    await checkVolume(at('data.ext4'), { env, onWarning: (text) => expect.unreachable(text) });
  });

  it('makes the same bytes again of the same name and size, and others of another', async () => {
    await mkdir(at('a'));
    await mkdir(at('b'));
    await makeVolume(at('a/x'), 8 * mib, env);
    await makeVolume(at('b/x'), 8 * mib, { ...env, TZ: 'Asia/Tokyo', MKE2FS_CONFIG: '/nowhere' });
    await makeVolume(at('a/y'), 8 * mib, env);
    const [x, again, y] = await Promise.all(
      ['a/x', 'b/x', 'a/y'].map((name) => readFile(at(name))),
    );
    expect(again?.equals(x ?? Buffer.alloc(0))).toBe(true);
    expect(y?.equals(x ?? Buffer.alloc(0))).toBe(false);
  });

  it('takes the place of no file', async () => {
    await writeFile(at('data.ext4'), 'precious');
    await expect(makeVolume(at('data.ext4'), 8 * mib, env)).rejects.toMatchObject({
      code: 'OUTPUT_UNUSABLE',
      message: expect.stringContaining('EEXIST'),
    });
    expect(await readFile(at('data.ext4'), 'utf8')).toBe('precious');
    expect(await readdir(folder)).toEqual(['data.ext4']);
  });

  it('says that there is no room when mke2fs says so', async () => {
    await mkdir(at('bin'));
    const text = '#!/bin/sh\necho "mke2fs: No space left on device while writing" >&2\nexit 1\n';
    writeProgram(at('bin/mke2fs'), text);
    const full = { ...env, PATH: `${at('bin')}:${env['PATH']}` };
    await expect(makeVolume(at('v'), 8 * mib, full)).rejects.toMatchObject({
      code: 'OUTPUT_FULL',
      hint: `df -h ${folder}`,
    });
    expect(await readdir(folder)).toEqual(['bin']);
  });

  it('leaves nothing when it fails or is called off', async () => {
    await expect(makeVolume(at('no/data.ext4'), 8 * mib, env)).rejects.toMatchObject({
      code: 'OUTPUT_UNUSABLE',
    });
    await expect(makeVolume(at('odd'), 4096, env)).rejects.toMatchObject({
      message: expect.stringContaining('mke2fs failed'),
    });
    const reason = new Error('called off');
    await expect(makeVolume(at('late'), 8 * mib, env, AbortSignal.abort(reason))).rejects.toBe(
      reason,
    );
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('mke2fsArguments', () => {
  it('takes identity from name and size alone', () => {
    const [one, other] = ['/a/x', '/b/x'].map((path) => mke2fsArguments('f', path, mib));
    expect(other).toEqual(one);
    const uuids = one
      ?.join(' ')
      .match(/[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/g);
    expect(new Set(uuids).size).toBe(2);
  });
});

describe('extStateOf', () => {
  it('finds no ext4 in what is short, empty or random', () => {
    for (const head of [Buffer.alloc(0), Buffer.alloc(2047, 0xff), Buffer.alloc(2048)]) {
      expect(extStateOf(head)).toEqual({ kind: 'none' });
    }
  });

  it.each([
    ['1 KiB blocks', 0x18, 0, 'blocks of 1024 bytes'],
    ['absurd blocks', 0x18, 0xffff, 'blocks of 1073741824 bytes'],
    ['data in inodes', 0x60, 0x8002, 'features OSv does not know (0x8000)'],
    ['big clusters', 0x64, 0x200, 'features OSv does not know (0x200)'],
  ])('refuses %s', (_, offset, value, reason) => {
    const head = Buffer.alloc(2048);
    head.writeUInt16LE(0xef53, 1024 + 0x38);
    head.writeUInt32LE(2, 1024 + 0x18);
    head.writeUInt32LE(value, 1024 + offset);
    expect(extStateOf(head)).toEqual({ kind: 'unsupported', reason });
  });
});

describe.skipIf(absent)('checkVolume', () => {
  const warnings: string[] = [];
  const check = async (path: string): Promise<readonly string[]> => {
    warnings.length = 0;
    await checkVolume(path, { env, onWarning: (text) => warnings.push(text) });
    return warnings;
  };

  it('mends one whose machine was killed, and says so', async () => {
    await makeVolume(at('v'), 8 * mib, env);
    await patch(at('v'), 0x3a, 2);
    // A wrong count of free blocks, as what was not flushed leaves it.
    await patch(at('v'), 0x0c, 7);
    expect((await check(at('v')))[0]).toContain('was not unmounted');
    expect(spawnSync(e2fsck, ['-fn', at('v')]).status).toBe(0);
    expect(await check(at('v'))).toEqual([]);
  });

  it('leaves one as it is where no flock tells whether a machine uses it', async () => {
    await makeVolume(at('v'), 8 * mib, env);
    await patch(at('v'), 0x3a, 2);
    await mkdir(at('bin'));
    // Found before the real one, it fails as on a file that others have locked.
    writeProgram(at('bin/flock'), '#!/bin/sh\nexit 1\n');
    const before = await readFile(at('v'));
    const told: string[] = [];
    const path = `${at('bin')}:${env['PATH']}`;
    await checkVolume(at('v'), {
      env: { ...env, PATH: path },
      onWarning: (text) => told.push(text),
    });
    expect(told).toEqual([expect.stringContaining(`if none does: e2fsck -p ${at('v')}`)]);
    expect((await readFile(at('v'))).equals(before)).toBe(true);
  });

  it('refuses one that is damaged more than e2fsck mends by itself', async () => {
    await makeVolume(at('v'), 8 * mib, env);
    await patch(at('v'), 0x3a, 0);
    const file = await open(at('v'), 'r+');
    await file.write(Buffer.alloc(4 * mib), 0, 4 * mib, 4096);
    await file.close();
    await expect(check(at('v'))).rejects.toMatchObject({
      code: 'OUTPUT_UNUSABLE',
      message: expect.stringContaining('damage that e2fsck does not mend by itself'),
      hint: `e2fsck -f ${at('v')}`,
    });
  });

  it.each([
    ['no file', undefined, 'ENOENT'],
    ['a file of something else', 'SQLite format 3', 'found no ext4'],
    ['an empty file', '', 'found no ext4'],
  ])('refuses %s', async (_, text, problem) => {
    if (text !== undefined) await writeFile(at('v'), text);
    await expect(check(at('v'))).rejects.toMatchObject({
      code: 'OUTPUT_UNUSABLE',
      message: expect.stringContaining(problem),
    });
  });

  it('waits for no pipe, and takes no folder', async () => {
    await mkdir(at('d'));
    expect(spawnSync('mkfifo', [at('p')]).status).toBe(0);
    for (const name of ['d', 'p', '/dev/null']) {
      await expect(check(resolve(folder, name))).rejects.toMatchObject({
        code: 'OUTPUT_UNUSABLE',
        message: expect.stringContaining('found neither a file nor a disk'),
      });
    }
  });

  it.skipIf(findSystemProgram('flock', env) === undefined)(
    'refuses one that a machine has open, which it would ruin',
    async () => {
      await makeVolume(at('v'), 8 * mib, env);
      await patch(at('v'), 0x3a, 2);
      const holder = spawn('flock', [at('v'), 'sh', '-c', 'echo held; exec cat'], {
        stdio: ['pipe', 'pipe', 'ignore'],
      });
      try {
        await once(holder.stdout, 'data');
        await expect(check(at('v'))).rejects.toMatchObject({
          message: expect.stringContaining('found it locked by'),
        });
      } finally {
        holder.stdin.end();
        await once(holder, 'close');
      }
    },
  );
});
