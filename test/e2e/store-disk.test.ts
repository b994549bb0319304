import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../support/cli.ts';
import { helloImage } from '../support/hello-image.ts';
import { buildImage } from '../support/image.ts';
import { file } from '../support/layers.ts';
import { namespaces, onSmallDisk, readOnly } from '../support/namespace.ts';
import { otherUser } from '../support/other-user.ts';
import { type Registry, startRegistry } from '../support/registry/registry.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { filesOf } from '../support/store-files.ts';
import type { FullDiskReport } from '../support/store-full/full-disk.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { top } from '../support/top.ts';

const run = promisify(execFile);
const root = temporaryFolder('disk');
let registry: Registry;

beforeAll(async () => {
  // Other users are to come in, but not to write.
  chmodSync(root, 0o755);
  const random = seededRandom(1);
  const bytes = (size: number) => Buffer.from(Array.from({ length: size }, () => random() * 256));
  const imageOf = (size: number) => buildImage({ layers: [[file('file', bytes(size))]] });
  registry = await startRegistry({
    images: {
      'passing:1': imageOf(400_000),
      'other:1': imageOf(200_000),
      'named:1': imageOf(50_000),
      'hello:1': await helloImage(),
    },
  });
});

afterAll(async () => {
  await registry.close();
});

if (!namespaces) console.log('skipped: full and read-only disks, for want of user namespaces');

describe.runIf(namespaces)('A store on a full disk', () => {
  it('says so, has nothing half-written, and is freed by gc, so that work is done then', async () => {
    const disk = join(root, 'disk');
    mkdirSync(disk);
    const program = join(top, 'dist/test/support/store-full/full-disk.js');
    const [command = '', ...words] = [
      ...onSmallDisk(disk, '4m'),
      process.execPath,
      program,
      disk,
      registry.host,
    ];
    const { stdout } = await run(command, words);
    const { work, commands, complaints }: FullDiskReport = JSON.parse(stdout);
    expect(complaints).toEqual([]);
    for (const [job, { full, done }] of Object.entries(work)) {
      expect([job, full > 0, done > 0]).toEqual([job, true, true]);
    }
    expect(commands).toEqual([
      'pull passing:1; 0',
      'pull named:1; 0',
      'store export passing:1 -o archive.tar; 0',
      'rm passing:1; 0',
      'pull other:1; 11; (STORE_FULL); try: osv-convert store gc --store DISK/store',
      'store import archive.tar; 11; (STORE_FULL); try: osv-convert store gc --store DISK/store',
      'store verify --full; 0',
      'images; 0',
      'store gc; 0',
      'pull other:1; 0',
      'store verify --repair; 11; (STORE_FULL); try: osv-convert store gc --store DISK/store',
      'rm other:1; 0',
      'store gc --max-size 0; 0',
      'store verify --full; 0',
    ]);
  });
});

interface ReadOnlyCase {
  readonly title: string;
  /** Undefined where this host has no such thing. */
  through(store: string): readonly string[] | undefined;
}

const cases: readonly ReadOnlyCase[] = [
  {
    title: 'a disk that is read-only',
    through: (store) => (namespaces ? readOnly(store) : undefined),
  },
  { title: "another user's folder", through: (store) => otherUser(store) },
];

describe.each(cases)('A store in $title', ({ through }) => {
  it('can be read, and says so to who writes', async () => {
    const folder = mkdtempSync(join(root, 'read-only-'));
    chmodSync(folder, 0o755);
    const store = join(folder, 'store');
    const output = join(folder, 'output');
    mkdirSync(output);
    chmodSync(output, 0o777);
    const { host } = registry;
    const cli = (words: readonly string[], prefix: readonly string[] = []) =>
      runCli([...words, '--quiet', '--store', store], {
        through: prefix,
        cwd: output,
        env: { HOME: output, XDG_CONFIG_HOME: output, XDG_CACHE_HOME: output },
      });
    for (const name of ['hello:1', 'passing:1']) {
      expect(await cli(['pull', `${host}/${name}`])).toMatchObject({ code: 0 });
    }
    expect(await cli(['store', 'export', '-o', join(output, 'archive.tar')])).toMatchObject({
      code: 0,
    });
    const name = `${host}/hello:1`;
    const readers = [
      ['images'],
      ['inspect', name],
      ['inspect', name, '--offline'],
      ['build', name, '-o', join(output, 'disk.raw'), '--boot', 'direct', '--json'],
      ['pull', name],
      ['store', 'ls', '--layers', '--json'],
      ['store', 'du', '--duplicates', '--json'],
      ['store', 'verify'],
      ['store', 'verify', '--full', '--json'],
      ['store', 'gc', '--dry-run', '--max-size', '0', '--json'],
      ['store', 'leases', '--json'],
      ['store', 'path'],
      ['store', 'export', name, '-o', '-'],
    ];
    // So that gc has something to remove.
    expect(await cli(['rm', `${host}/passing:1`])).toMatchObject({ code: 0 });

    const prefix = through(store);
    if (prefix === undefined) return console.log('skipped: this host has no such thing');
    const before = filesOf(store);
    for (const words of readers) {
      const found = await cli(words, prefix);
      expect(found, words.join(' ')).toMatchObject({ code: 0, stderr: '' });
    }
    const refused: string[] = [];
    for (const words of [
      ['pull', `${host}/other:1`],
      ['rm', name],
      ['tag', name, 'third:1'],
      ['store', 'import', join(output, 'archive.tar')],
      ['load', join(output, 'archive.tar')],
      ['store', 'gc'],
      ['store', 'gc', '--max-size', '0'],
      ['store', 'hold', name],
    ]) {
      const { code, stderr } = await cli(words, prefix);
      refused.push(`${words.slice(0, 2).join(' ')}: ${code} ${stderr}`);
    }
    for (const said of refused) {
      expect(said).toMatch(
        /: 11 osv-convert: .*\(STORE_UNUSABLE\)\n {2}try: check who owns the store/,
      );
    }
    expect(filesOf(store)).toEqual(before);
  });
});
