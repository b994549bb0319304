import { execFileSync, spawnSync } from 'node:child_process';
import {
  closeSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Entry, encodeName } from '../../../store/index.ts';
import { readWithNodeTar } from '../../support/node-tar.ts';
import { contentOf, readTar, sha256Of } from '../../support/read-tar.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const hasPython = spawnSync('python3', ['--version']).status === 0;

/** What both readers say of a member; names as bytes in hex. */
interface Summary {
  readonly name: string;
  readonly kind: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: number;
  /** Of a link: its target in hex; of a file: its digest. */
  readonly about: string;
}

/** Prints a `Summary` of each member of the tar on stdin. */
const script = `
import hashlib, io, json, os, sys, tarfile
def sha(file):
    return 'sha256:' + hashlib.sha256(file.read()).hexdigest()
kinds = {'isdir': 'directory', 'issym': 'symlink', 'islnk': 'hardlink', 'isfifo': 'special', 'isreg': 'file'}
tar = tarfile.open(fileobj=io.BytesIO(sys.stdin.buffer.read()), encoding='utf-8', errors='surrogateescape')
found = []
for m in tar:
    kind = next(kinds[test] for test in kinds if getattr(m, test)())
    about = sha(tar.extractfile(m)) if m.isreg() else os.fsencode(m.linkname).hex()
    name = os.fsencode(m.name).hex()
    found.append(dict(name=name, kind=kind, mode=m.mode, uid=m.uid, gid=m.gid, mtime=m.mtime, about=about))
json.dump(found, sys.stdout)
`;

function readWithPython(tar: Uint8Array): readonly Summary[] {
  const env = { ...process.env, PYTHONUTF8: '1' };
  const options = { input: tar, env, maxBuffer: 2 ** 24 };
  return JSON.parse(execFileSync('python3', ['-c', script], options).toString());
}

function summaryOf(entry: Entry): Summary {
  if (entry.kind === 'whiteout' || entry.kind === 'opaque') throw new Error('wanted no marker');
  const { path, kind, mode, uid, gid, mtime } = entry;
  const hex = (name: string) => Buffer.from(encodeName(name)).toString('hex');
  const target = 'target' in entry ? hex(entry.target) : '';
  const about = entry.kind === 'file' ? entry.digest : target;
  return { name: hex(path), kind, mode, uid, gid, mtime, about };
}

describe('createTarReader agrees with other tools', () => {
  const folder = temporaryFolder('tar');
  const sparse = 'sparse file';
  const sparseSize = 3_000_000;
  /** By name: where data lies, a letter for each run of 4096 bytes, and the size. */
  const holed: Readonly<Record<string, readonly [runs: readonly number[], size: number]>> = {
    'hole first': [[100], 101 * 4096],
    'hole last': [[0], 500_001],
    'hole in the middle': [[0, 50], 51 * 4096],
    'holes everywhere': [Array.from({ length: 200 }, (_, at) => 3 * at + 1), 2_500_000],
    'only a hole': [[], 1_000_000],
    'no hole': [[0, 1, 2], 3 * 4096],
    'no bytes': [[], 0],
    'five runs': [[1, 3, 5, 7, 9], 11 * 4096],
    '26 runs': [Array.from({ length: 26 }, (_, at) => 2 * at), 100 * 4096],
  };

  beforeAll(() => {
    const at = (name: string) => join(folder, name);
    mkdirSync(at('deep/'.repeat(40)), { recursive: true });
    writeFileSync(at(`${'deep/'.repeat(40)}file`), 'content');
    writeFileSync(at('grüße'), Buffer.alloc(70_000, 'ß'));
    writeFileSync(at('empty'), '');
    writeFileSync(at('x'.repeat(200)), 'long');
    symlinkSync('../y'.repeat(60), at('symlink'));
    linkSync(at('grüße'), at('hardlink'));
    execFileSync('touch', ['-d', '@-12.25', at('empty')]);
    mkdirSync(at('holed'));
    for (const [name, [runs, size]] of Object.entries(holed)) {
      const fd = openSync(at(`holed/${name}`), 'w');
      ftruncateSync(fd, size);
      for (const run of runs)
        writeSync(fd, Buffer.alloc(4096, 65 + (run % 26)), 0, 4096, run * 4096);
      closeSync(fd);
    }
    linkSync(at('holed/hole first'), at('holed/linked'));
    mkdirSync(at('forms/folder'), { recursive: true });
    writeFileSync(Buffer.concat([Buffer.from(`${at('forms')}/n`), Buffer.from([0xff])]), 'bytes');
    writeFileSync(at('forms/file'), 'content', { mode: 0o640 });
    writeFileSync(at('forms/grüße'), 'ß');
    linkSync(at('forms/file'), at('forms/link'));
    symlinkSync('file', at('forms/symlink'));
    execFileSync('mkfifo', [at('forms/pipe')]);
    const fd = openSync(at(sparse), 'w');
    for (let run = 0; run < 60; run += 1) {
      writeSync(fd, Buffer.alloc(4096, run + 1), 0, 4096, run * 40_960);
    }
    ftruncateSync(fd, sparseSize);
    closeSync(fd);
  });

  const gnuTar = (...options: readonly string[]) =>
    execFileSync('tar', ['-c', '-C', folder, ...options], { maxBuffer: 2 ** 26 });

  test.each(['v7', 'ustar', 'gnu', 'posix'])(
    'node-tar on a tree packed by GNU tar as %s',
    async (format) => {
      const skipped =
        format === 'v7' ? ['--exclude=deep', '--exclude=xxx*', '--exclude=symlink'] : [];
      const ustar = format === 'ustar' ? ['--exclude=xxx*', '--exclude=symlink'] : [];
      const old = format === 'v7' || format === 'ustar' ? ['--exclude=empty'] : [];
      const others = ['--exclude=holed', '--exclude=forms', `--exclude=${sparse}`];
      const tar = gnuTar(`--format=${format}`, ...others, ...skipped, ...ustar, ...old, '.');
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
    const tar = gnuTar('--sparse', `--format=${format}`, ...options, sparse);
    const entry = readTar(tar).find(({ path }) => path === sparse);
    if (entry?.kind !== 'file') {
      throw new Error('wanted the sparse file');
    }
    const bytes = readFileSync(join(folder, sparse));
    expect(entry.extents?.length).toBeGreaterThan(50);
    expect(entry).toMatchObject({ size: sparseSize, digest: sha256Of(bytes) });
    expect(contentOf(tar, entry).equals(bytes)).toBe(true);
  });

  test.each([
    ['gnu', []],
    ['oldgnu', []],
    ['posix', ['--sparse-version=0.0']],
    ['posix', ['--sparse-version=0.1']],
    ['posix', ['--sparse-version=1.0']],
  ])('the file system on holes wherever they are, packed as %s %j', (format, options) => {
    const raw = ['--sparse', '--hole-detection=raw'];
    const tar = gnuTar(...raw, `--format=${format}`, ...options, 'holed');
    const files = readTar(tar).filter((entry) => entry.kind === 'file');
    // One of the two names of a file comes as a hard link.
    expect(files).toHaveLength(Object.keys(holed).length);
    for (const entry of files) {
      const bytes = readFileSync(join(folder, entry.path));
      expect(entry).toMatchObject({ size: bytes.length, digest: sha256Of(bytes) });
      expect(contentOf(tar, entry).equals(bytes)).toBe(true);
    }
    const everywhere = files.find(({ path }) => path === 'holed/holes everywhere');
    expect(everywhere?.extents).toHaveLength(200);
    expect(files.find(({ path }) => path === 'holed/only a hole')?.extents).toEqual([]);
  });

  test.runIf(hasPython).each(['v7', 'oldgnu', 'gnu', 'ustar', 'posix'])(
    "Python's tarfile on names, kinds, owners and holes packed by GNU tar as %s",
    (format) => {
      const isOld = format === 'v7' || format === 'ustar';
      const owners = ['--owner=:3000000', '--group=:2000000', '--mtime=@-5'];
      const given = isOld ? ['--mtime=@5'] : [...owners, '--sparse'];
      const pipe = format === 'v7' ? ['--exclude=pipe'] : [];
      const tar = gnuTar(`--format=${format}`, ...given, ...pipe, 'forms', 'holed');
      const theirs = readWithPython(tar);
      expect(readTar(tar).map((entry) => summaryOf(entry))).toEqual(theirs);
      expect(theirs.length).toBeGreaterThan(14);
    },
  );

  test('GNU tar on times before 1970', () => {
    for (const [format, mtime] of [
      ['gnu', -13],
      ['posix', -12.25],
    ] as const) {
      const entry = readTar(gnuTar(`--format=${format}`, './empty')).find(
        ({ path }) => path === 'empty',
      );
      expect(entry).toMatchObject({ mtime });
    }
  });
});
