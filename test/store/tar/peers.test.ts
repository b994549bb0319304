import { execFileSync } from 'node:child_process';
import {
  closeSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readWithNodeTar } from '../../support/node-tar.ts';
import { contentOf, readTar, sha256Of } from '../../support/read-tar.ts';

describe('createTarReader agrees with other tools', () => {
  let folder = '';
  const sparse = 'sparse file';
  const sparseSize = 3_000_000;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'osv-convert-tar-'));
    const at = (name: string) => join(folder, name);
    mkdirSync(at('deep/'.repeat(40)), { recursive: true });
    writeFileSync(at(`${'deep/'.repeat(40)}file`), 'content');
    writeFileSync(at('grüße'), Buffer.alloc(70_000, 'ß'));
    writeFileSync(at('empty'), '');
    writeFileSync(at('x'.repeat(200)), 'long');
    symlinkSync('../y'.repeat(60), at('symlink'));
    linkSync(at('grüße'), at('hardlink'));
    execFileSync('touch', ['-d', '@-12.25', at('empty')]);
    const fd = openSync(at(sparse), 'w');
    for (let run = 0; run < 60; run += 1) {
      writeSync(fd, Buffer.alloc(4096, run + 1), 0, 4096, run * 40_960);
    }
    ftruncateSync(fd, sparseSize);
    closeSync(fd);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const gnuTar = (...options: readonly string[]) =>
    execFileSync('tar', ['-c', ...options, '-C', folder, '.'], { maxBuffer: 2 ** 26 });

  test.each(['v7', 'ustar', 'gnu', 'posix'])(
    'node-tar on a tree packed by GNU tar as %s',
    async (format) => {
      const skipped =
        format === 'v7' ? ['--exclude=deep', '--exclude=xxx*', '--exclude=symlink'] : [];
      const ustar = format === 'ustar' ? ['--exclude=xxx*', '--exclude=symlink'] : [];
      const old = format === 'v7' || format === 'ustar' ? ['--exclude=empty'] : [];
      const tar = gnuTar(`--format=${format}`, `--exclude=${sparse}`, ...skipped, ...ustar, ...old);
      const theirs = await readWithNodeTar(tar);
      const ours = readTar(tar);
      expect(ours.length).toBeGreaterThan(2);
      expect(ours.map((entry) => entry.path)).toEqual(
        theirs.map((found) => found.path.replace(/^\.\//, '').replace(/\/$/, '')),
      );
      for (const [at, entry] of ours.entries()) {
        const their = theirs[at];
        if (entry.kind === 'file') {
          expect(entry).toMatchObject({ size: their?.size, digest: their?.digest });
        }
        if (entry.kind === 'symlink') {
          expect(entry.target).toBe(their?.linkpath);
        }
        if (entry.kind !== 'whiteout' && entry.kind !== 'opaque') {
          expect([entry.mode, entry.uid]).toEqual([their?.mode, their?.uid]);
        }
        if (entry.kind !== 'whiteout' && entry.kind !== 'opaque' && entry.path !== 'empty') {
          // node-tar keeps milliseconds.
          expect(Math.abs(entry.mtime - (their?.mtime ?? 0))).toBeLessThan(0.001);
        }
      }
    },
  );

  test.each([
    ['gnu', []],
    ['posix', ['--sparse-version=0.0']],
    ['posix', ['--sparse-version=0.1']],
    ['posix', ['--sparse-version=1.0']],
  ])('the file system on a sparse file packed by GNU tar as %s %j', (format, options) => {
    const tar = gnuTar('--sparse', `--format=${format}`, ...options);
    const entry = readTar(tar).find(({ path }) => path === sparse);
    if (entry?.kind !== 'file') {
      throw new Error('wanted the sparse file');
    }
    const bytes = readFileSync(join(folder, sparse));
    expect(entry.extents?.length).toBeGreaterThan(50);
    expect(entry).toMatchObject({ size: sparseSize, digest: sha256Of(bytes) });
    expect(contentOf(tar, entry).equals(bytes)).toBe(true);
  });

  test('GNU tar on times before 1970', () => {
    for (const [format, mtime] of [
      ['gnu', -13],
      ['posix', -12.25],
    ] as const) {
      const entry = readTar(gnuTar(`--format=${format}`)).find(({ path }) => path === 'empty');
      expect(entry).toMatchObject({ mtime });
    }
  });
});
