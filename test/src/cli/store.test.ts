import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, test } from 'vitest';
import { createValidator } from '../../../schemas/index.ts';
import { parseAge, parseSize } from '../../../src/cli/units.ts';
import { type Digest, digestOf, hexOf, openStore, type Store } from '../../../store/index.ts';
import { type CliOptions, loadedFiles, runCli, traceLoading } from '../../support/cli.ts';
import { buildImage, type Image } from '../../support/image.ts';
import { file } from '../../support/layers.ts';
import { type Registry, startRegistry } from '../../support/registry/registry.ts';
import { top } from '../../support/top.ts';

const web = buildImage({ layers: [[file('web', 'web')], [file('copy', 'web')]] });
const arm = buildImage({ layers: [[file('web', 'arm')]], architecture: 'arm64' });
const job = buildImage({ layers: [[file('job', 'job')]] });
const kernel = buildImage({ layers: [[file('loader', 'loader')]] });

const webName = 'docker.io/acme/web:1';
const jobName = 'localhost/job:2';

let root = '';
let dir = '';
let count = 0;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'osv-convert-store-cli-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));
beforeEach(() => {
  count += 1;
  dir = join(root, `store-${count}`);
});

const cli = (args: readonly string[], options: CliOptions = {}) =>
  runCli(['store', ...args, '--store', dir], options);

async function cliJson(args: readonly string[]) {
  const { stdout, code, stderr } = await cli([...args, '--json']);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
}

async function put(store: Store, name: string, image: Image, artifactType?: string) {
  for (const bytes of image.blobs.values()) await store.blobs.put(bytes);
  await store.refs.set(name, { ...image.root, ...(artifactType && { artifactType }) });
}

/** Two images, one for two platforms and unpacked, a kernel, and a blob that nothing needs. */
async function fill(): Promise<void> {
  const store = await openStore(dir);
  await put(store, webName, web);
  await put(store, webName, arm);
  await put(store, jobName, job);
  await put(store, 'kernel/v1', kernel, 'application/vnd.osv-convert.kernel.v1');
  for (const { descriptor, diffID } of web.layers) {
    await store.layers.ingest(descriptor.digest, diffID);
  }
  await store.blobs.put(Buffer.from('garbage'));
  await store.close();
}

const blobPath = (digest: Digest) => join(dir, 'blobs', 'sha256', hexOf(digest));
const garbage = digestOf(Buffer.from('garbage'));

function names(): readonly string[] {
  const { manifests } = JSON.parse(readFileSync(join(dir, 'index.json'), 'utf8'));
  const found = manifests.map(
    ({ annotations }: { annotations: Record<string, string> }) =>
      annotations['org.opencontainers.image.ref.name'],
  );
  return [...new Set<string>(found)].sort();
}

/** As if everything had been used last two days ago. */
function age(): void {
  const then = Date.now() / 1000 - 2 * 24 * 60 * 60;
  for (const name of readdirSync(join(dir, 'blobs', 'sha256'))) {
    utimesSync(join(dir, 'blobs', 'sha256', name), then, then);
  }
}

function flip(path: string): void {
  const bytes = readFileSync(path);
  bytes[20] = (bytes[20] ?? 0) ^ 1;
  writeFileSync(path, bytes);
}

describe('parseAge', () => {
  test.each([
    ['30d', 30 * 24 * 3_600_000],
    ['12h', 12 * 3_600_000],
    ['1h30m', 5_400_000],
    ['2w', 14 * 24 * 3_600_000],
    ['0s', 0],
  ])('reads %s as %d ms', (text, wanted) => {
    expect(parseAge('--for')(text)).toBe(wanted);
  });

  test.each(['', '30', 'd', '30 d', '-1d', '1.5h', '3y', '1h30', 'h1', '999999999w', '1d\n'])(
    'refuses %j',
    (text) => {
      expect(() => parseAge('--older-than')(text)).toThrow(/^reading --older-than: found /);
    },
  );
});

describe('parseSize', () => {
  test.each([
    ['20G', 20 * 2 ** 30],
    ['512MiB', 512 * 2 ** 20],
    ['1.5t', 1.5 * 2 ** 40],
    ['10kb', 10_240],
    ['7', 7],
    ['7B', 7],
    ['0', 0],
  ])('reads %s as %d bytes', (text, wanted) => {
    expect(parseSize('--max-size')(text)).toBe(wanted);
  });

  test.each(['', 'G', '-1', '1,5G', '1e3', '20 G', '20X', '9999999P', '1..5G', '0x10', '1G\n'])(
    'refuses %j',
    (text) => {
      expect(() => parseSize('--max-size')(text)).toThrow(/^reading --max-size: found /);
    },
  );
});

describe('osv-convert store', () => {
  it.each([
    ['store', '--help'],
    ['store', 'gc', '--help'],
  ])('loads commander and nothing heavier for %s %s %s', async (...args) => {
    const { code, stdout, stderr } = await runCli(args, { nodeArgs: traceLoading });
    expect(code).toBe(0);
    expect(stdout).not.toBe('');
    const heavy = loadedFiles(stderr).filter((file) => /^node_modules\/(?!commander\/)/.test(file));
    expect(heavy).toEqual([]);
  });

  it('prints JSON as the schemas describe it', async () => {
    await fill();
    const output = join(root, 'schemas.tar');
    const held = await cliJson(['hold', 'acme/web:1', '--for', '1h']);
    for (const [schema, args] of [
      ['store-path', ['path']],
      ['store-ls', ['ls', '--layers']],
      ['store-ls', ['ls']],
      ['store-du', ['du', '--duplicates']],
      ['store-du', ['du']],
      ['store-gc', ['gc', '--dry-run', '--older-than', '0s']],
      ['store-gc', ['gc']],
      ['verify', ['verify']],
      ['verify', ['verify', '--full', '--repair', '--offline']],
      ['store-leases', ['leases']],
      ['store-hold', ['hold', 'kernel/*']],
      ['store-leases', ['leases', '--delete', held.id]],
      ['store-export', ['export', '-o', output]],
      ['store-import', ['import', output]],
    ] as const) {
      const validate = await createValidator(schema);
      expect(validate(await cliJson(args)), args.join(' ')).toBeUndefined();
      expect(validate({}), schema).toBeDefined();
    }
  });

  it('writes nothing where there is no store yet', async () => {
    for (const args of [['ls'], ['du'], ['leases'], ['verify'], ['gc'], ['path']]) {
      expect(await cli(args)).toMatchObject({ code: 0 });
    }
    expect(existsSync(dir)).toBe(false);
  });
});

describe('osv-convert store path', () => {
  it('points at the help of the command that was typed', async () => {
    const { code, stderr } = await cli(['ls', '--bogus']);
    expect(code).toBe(2);
    expect(stderr).toContain('  try: osv-convert store ls --help\n');
  });

  it('says of a file that it is no folder', async () => {
    writeFileSync(dir, '');
    const { code, stderr } = await cli(['ls']);
    expect(code).toBe(11);
    expect(stderr).toContain(`opening the store ${dir}: found a file, wanted a folder`);
    dir = join(dir, 'below');
    expect((await cli(['ls'])).stderr).toContain('found a file on the way there (ENOTDIR)');
  });

  it('prints the folder, also of a store that cannot be opened', async () => {
    await fill();
    writeFileSync(join(dir, 'oci-layout'), 'no JSON');
    expect((await cli(['path'])).stdout).toBe(`${dir}\n`);
  });
});

describe('osv-convert store ls and du', () => {
  it('list names of all kinds with what they take', async () => {
    await fill();
    const { stdout } = await cli(['ls', '--layers']);
    const [heads = '', ...lines] = stdout.split('\n');
    expect(heads).toMatch(/^NAME +KIND +PLATFORM +SIZE +OWN +SHARED +LAST USED$/);
    expect(lines[0]).toMatch(
      /^docker.io\/acme\/web:1 +image +linux\/amd64 .* \d{4}-\d\d-\d\d \d\d:\d\dZ$/,
    );
    expect(lines[2]).toMatch(/^kernel\/v1 +kernel /);
    expect(stdout).toContain(`\n${web.layers[0]?.diffID} `);
    const { names } = await cliJson(['ls']);
    expect(names.map(({ kind }: { kind: string }) => kind)).toEqual([
      'image',
      'image',
      'kernel',
      'image',
    ]);
  });

  it('tell what nothing needs, and equal files', async () => {
    await fill();
    const { unreachable, duplicates } = await cliJson(['du', '--duplicates']);
    expect(unreachable).toBe('garbage'.length);
    expect(duplicates).toMatchObject({ files: 1, size: 3, largest: [{ count: 2 }] });
    const { stdout } = await cli(['du', '--duplicates']);
    expect(stdout).toMatch(/^of that nothing needs +7 B$/m);
    expect(stdout).toContain('\nequal to others: 1 file, 3 B\n');
    expect(stdout).toMatch(/^2 +3 B +3 B +(web|copy)$/m);
  });

  it('warn of damage', async () => {
    await fill();
    flip(blobPath(web.root.digest));
    for (const command of ['ls', 'du']) {
      const { code, stderr } = await cli([command]);
      expect(code).toBe(0);
      expect(stderr).toBe('warning: 1 damaged: osv-convert store verify --repair\n');
    }
  });
});

describe('osv-convert store gc', () => {
  it('says what it would remove, then removes it', async () => {
    await fill();
    const planned = await cli(['gc', '--dry-run']);
    expect(planned.stdout).toMatch(/^COUNT +WHAT +SIZE\n1 +blobs +7 B\nwould free 7 B, .* left\n$/);
    expect(existsSync(blobPath(garbage))).toBe(true);
    expect((await cli(['gc'])).stdout).toMatch(/\nfreed 7 B, .* left\n$/);
    expect(existsSync(blobPath(garbage))).toBe(false);
    expect((await cli(['gc'])).stdout).toMatch(/^freed 0 B, /);
    expect(names()).toEqual([webName, 'kernel/v1', jobName].sort());
  });

  it('removes old names but kernels and those that are to be kept', async () => {
    await fill();
    age();
    expect((await cliJson(['gc', '--older-than', '3d'])).removed).toHaveLength(1);
    const { code } = await cli(['gc', '--older-than', '1d', '--keep', 'acme/*', '--keep', jobName]);
    expect(code).toBe(0);
    expect(names()).toEqual(['kernel/v1', jobName].sort());
  });

  it('takes a short name to keep for the full one', async () => {
    await fill();
    const { stdout } = await cli(['gc', '--older-than', '0s', '--keep', 'acme/web:1']);
    expect(stdout).toContain(`${jobName}\n`);
    expect(names()).toEqual([webName, 'kernel/v1'].sort());
  });

  it('keeps what lock files name, also that of the folder it runs in', async () => {
    await fill();
    const lockOf = (name: string, { digest }: { digest: Digest }) =>
      JSON.stringify({
        lockVersion: 1,
        images: { [name]: { digest, platforms: { 'linux/amd64': digest } } },
      });
    const cwd = await mkdtemp(join(root, 'cwd-'));
    const other = join(root, 'other.lock');
    writeFileSync(join(cwd, 'osv-convert.lock'), lockOf('gone:1', job.root));
    writeFileSync(other, lockOf(webName, web.root));
    const { code, stderr } = await cli(['gc', '--max-size', '0', '--lock', other], { cwd });
    expect(code).toBe(0);
    expect(stderr).toMatch(/^warning: more than 0 B stays: /);
    expect(names()).toEqual([webName, 'kernel/v1']);
    for (const digest of [...job.blobs.keys(), ...web.blobs.keys()]) {
      expect(existsSync(blobPath(digest))).toBe(true);
    }
  });

  it('removes nothing when a lock file cannot be read', async () => {
    await fill();
    const lock = join(root, 'bad.lock');
    writeFileSync(lock, '{');
    expect((await cli(['gc', '--lock', lock])).code).toBe(6);
    expect((await cli(['gc', '--lock', `${lock}.missing`])).code).toBe(2);
    expect(existsSync(blobPath(garbage))).toBe(true);
  });

  it('stops at a damaged manifest and names the command that mends it', async () => {
    await fill();
    flip(blobPath(web.root.digest));
    const { code, stderr } = await cli(['gc']);
    expect(code).toBe(11);
    expect(stderr).toContain(web.root.digest);
    expect(stderr).toContain('try: osv-convert store verify --repair');
    expect(existsSync(blobPath(garbage))).toBe(true);
  });

  it.each([
    [['gc', '--older-than', '30']],
    [['gc', '--max-size', '20X']],
    [['gc', 'extra']],
    [['verify', '--quick', '--full']],
    [['hold']],
    [['hold', 'web', '--for', 'ever']],
    [['export']],
    [['import']],
    [['nothing']],
  ])('leaves with the usage code for %j', async (args) => {
    const { code, stdout, stderr } = await cli(args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain('(USAGE)');
  });

  it.each(['ls', 'du', 'gc', 'verify'])('%s says so when there is no store', async (word) => {
    const { code, stdout, stderr } = await cli([word, '--json']);
    expect([code, stderr]).toEqual([0, `warning: found no store at ${dir}\n`]);
    expect(JSON.parse(stdout)).toBeTypeOf('object');
    await fill();
    expect((await cli([word, '--json'])).stderr).toBe('');
  });

  it('is what rm tells of', async () => {
    await fill();
    const { stdout, stderr } = await runCli(['rm', jobName, '--store', dir]);
    expect(stdout).toBe(`${jobName}\n`);
    expect(stderr).toContain('osv-convert store gc');
  });

  it.each([
    ['kernel/v1', 'osv-convert kernel rm v1'],
    ['runtime/net', 'osv-convert runtime rm runtime/net'],
    ['kernel/none', 'osv-convert images'],
  ])('is not what rm does to %s: it names another command', async (name, hint) => {
    await fill();
    const store = await openStore(dir);
    await put(store, 'runtime/net', kernel, 'application/vnd.osv-convert.runtime.v1');
    await store.close();
    const { code, stderr } = await runCli(['rm', name, '--store', dir]);
    expect(code).toBe(3);
    expect(stderr).toMatch(new RegExp(`  try: ${hint}\n$`));
  });
});

describe('osv-convert store verify', () => {
  let registry: Registry;
  beforeAll(async () => {
    registry = await startRegistry({ images: { 'web:1': web } });
  });
  afterAll(() => registry.close());

  it('finds damage, says so by its exit code, and mends it from the registry', async () => {
    const name = `${registry.host}/web:1`;
    expect((await runCli(['pull', name, '--store', dir])).code).toBe(0);
    const [layer] = web.layers;
    const path = blobPath(layer?.descriptor.digest ?? web.root.digest);
    flip(path);

    expect((await cli(['verify'])).code).toBe(0);
    const found = await cli(['verify', '--full']);
    expect(found.code).toBe(11);
    expect(found.stdout).toMatch(/^fault: blob sha256:.* wanted sha256:.*\nnot sound: 1 name, /);
    expect(found.stderr).toContain('(STORE_CORRUPT)');
    expect(found.stderr).toContain('try: osv-convert store verify --repair');
    expect(existsSync(join(dir, 'quarantine'))).toBe(false);

    const mended = await cli(['verify', '--full', '--repair']);
    expect(mended.code).toBe(0);
    expect(mended.stdout).toMatch(/^fault: blob .*; refetched; of .*\/web:1\n(note: .*\n)*sound: /);
    expect(readFileSync(path)).toEqual(Buffer.from(layer?.blob ?? ''));
    expect((await cli(['verify', '--full'])).stdout).toMatch(/^(note: .*\n)*sound: /);
  });

  it('pulls nothing with --offline, and names what is lost', async () => {
    const name = `${registry.host}/web:1`;
    expect((await runCli(['pull', name, '--store', dir])).code).toBe(0);
    flip(blobPath(web.root.digest));
    const before = registry.requests.length;
    const { code, stdout, stderr } = await cli(['verify', '--repair', '--offline']);
    expect(code).toBe(11);
    expect(stdout).toMatch(/^(fault|loss): /);
    expect(stderr).toContain(`try: osv-convert pull ${name}`);
    expect(registry.requests.length).toBe(before);
  });

  it('mends a marker without which no other command opens the store', async () => {
    await fill();
    writeFileSync(join(dir, 'oci-layout'), 'no JSON');
    expect((await cli(['ls'])).code).toBe(11);
    expect((await cli(['verify', '--repair'])).code).toBe(0);
    expect((await cli(['ls'])).code).toBe(0);
  });
});

describe('osv-convert store hold and leases', () => {
  it('keep what a name stood for until the lease is deleted', async () => {
    await fill();
    const held = await cli(['hold', 'acme/web:1', '--for', '2h', '--purpose', 'a test']);
    expect(held.stderr).toMatch(/kept from gc until \d{4}-/);
    const id = held.stdout.trim();
    await runCli(['rm', 'acme/web:1', '--store', dir]);
    await cli(['gc', '--older-than', '0s']);
    expect(existsSync(blobPath(web.root.digest))).toBe(true);
    const { leases } = await cliJson(['leases']);
    expect(leases).toMatchObject([{ id, purpose: 'a test', alive: true }]);
    expect((await cli(['leases'])).stdout).toMatch(new RegExp(`\\n${id} +a test +- +.* +2\\n$`));

    expect(await cliJson(['leases', '--delete', id])).toEqual({ deleted: id });
    await cli(['gc']);
    expect(existsSync(blobPath(web.root.digest))).toBe(false);
    expect((await cli(['leases', '--delete', id])).code).toBe(2);
  });

  it('refuse to delete the lease of a process that runs', async () => {
    await fill();
    const store = await openStore(dir, { purpose: 'this test' });
    await store.hold([web.root.digest]);
    const { leases } = await cliJson(['leases']);
    const lease = leases.find(({ pid }: { pid?: number }) => pid === process.pid);
    const { code, stderr } = await cli(['leases', '--delete', lease.id]);
    expect(code).toBe(2);
    expect(stderr).toContain(`process ${process.pid} runs`);
    await store.close();
    expect((await cliJson(['leases'])).leases).toEqual([]);
  });

  it('say which name is not there', async () => {
    await fill();
    expect((await cli(['hold', 'acme/none:1'])).code).toBe(3);
  });
});

describe('osv-convert store export and import', () => {
  const installed = (tool: string) => spawnSync(tool, ['--version']).status === 0;

  it('carry everything to another store, by file and by pipe', async () => {
    await fill();
    const archive = join(root, 'all.tar');
    expect((await cli(['export', '-o', archive])).code).toBe(0);
    const [main, other] = [join(top, 'dist/bin/osv-convert.cjs'), join(root, 'other')];
    const pipe = `"$0" "$1" store export --store "$2" -o - | "$0" "$1" store import --store "$3" -`;
    execFileSync('sh', ['-c', pipe, process.execPath, main, dir, other], { stdio: 'ignore' });
    dir = other;
    const again = join(root, 'again.tar');
    const { stdout } = await cli(['export', '-o', again]);
    expect(stdout).toMatch(
      /again.tar: .*\ndocker.io\/acme\/web:1\nkernel\/v1\nlocalhost\/job:2\n$/,
    );
    expect(readFileSync(again).equals(readFileSync(archive))).toBe(true);
    expect((await cli(['verify', '--full'])).code).toBe(0);
  });

  it('take only what fits the names, short or with *', async () => {
    await fill();
    const output = join(root, 'some.tar');
    const { names } = await cliJson(['export', 'acme/web:1', 'kernel/*', '-o', output]);
    expect(names).toEqual([webName, 'kernel/v1']);
    dir = join(root, 'some');
    const imported = await cli(['import', output]);
    expect(imported.stdout).toBe(
      [
        `${webName}@${web.root.digest}`,
        `${webName}@${arm.root.digest}`,
        `kernel/v1@${kernel.root.digest}`,
        '',
      ].join('\n'),
    );
  });

  it('tell how far they are', async () => {
    await fill();
    const output = join(root, 'progress.tar');
    const isEvent = await createValidator('event');
    for (const [args, kind] of [
      [['export', '-o', output], 'write'],
      [['import', output], 'read'],
      [['verify', '--full'], 'verify'],
    ] as const) {
      const { stderr } = await cli([...args, '--progress=json']);
      const events = stderr.split('\n').filter((line) => line !== '');
      for (const line of events) expect(isEvent(JSON.parse(line))).toBeUndefined();
      expect(events.map((line) => JSON.parse(line).event)).toContain(kind);
    }
  });

  it.runIf(installed('skopeo'))('skopeo reads the archive, digest for digest', async () => {
    await fill();
    const archive = join(root, 'skopeo.tar');
    await cli(['export', '-o', archive]);
    const skopeo = (...args: string[]) =>
      execFileSync('skopeo', ['--insecure-policy', ...args], { encoding: 'utf8' });
    const from = `oci-archive:${archive}:${jobName}`;
    expect(digestOf(Buffer.from(skopeo('inspect', '--raw', from)))).toBe(job.root.digest);
    const copy = join(root, 'skopeo-copy');
    skopeo('copy', '-q', from, `oci:${copy}:x`);
    for (const [digest, bytes] of job.blobs) {
      const copied = readFileSync(join(copy, 'blobs', 'sha256', hexOf(digest)));
      expect(copied.equals(bytes)).toBe(true);
    }
  });

  it('leave no file behind when a blob turns out damaged', async () => {
    await fill();
    flip(blobPath(job.layers[0]?.descriptor.digest ?? job.root.digest));
    const folder = await mkdtemp(join(root, 'out-'));
    const { code, stderr } = await cli(['export', '-o', join(folder, 'x.tar')]);
    expect(code).toBe(11);
    expect(stderr).toContain('(STORE_CORRUPT)');
    expect(stderr).toContain('try: osv-convert store verify --full --repair');
    expect(readdirSync(folder)).toEqual([]);
  });

  it('name the file that cannot be taken in, and what it is', async () => {
    const other = join(root, 'other.tar');
    writeFileSync(other, '');
    const results = await Promise.all([cli(['import', other]), cli(['import', root])]);
    expect(results.map(({ code }) => code)).toEqual([6, 3]);
    expect(results[0]?.stderr).toBe(
      `osv-convert: importing ${other}: found no oci-layout file, wanted an OCI image layout (ARCHIVE_INVALID)\n` +
        `  try: osv-convert load ${other}\n`,
    );
    expect(results[1]?.stderr).toContain(`found a folder at ${root}, wanted a file`);
  });

  it('set no name from an archive that is cut off', async () => {
    await fill();
    const archive = join(root, 'cut.tar');
    await cli(['export', '-o', archive]);
    writeFileSync(archive, readFileSync(archive).subarray(0, statSync(archive).size - 2048));
    dir = join(root, 'cut');
    const { code, stderr } = await cli(['import', archive]);
    expect(code).toBe(6);
    expect(stderr).toContain('(ARCHIVE_INVALID)');
    expect((await cliJson(['ls'])).names).toEqual([]);
  });

  it.each([
    ['a name that is not there', 3, ['export', 'acme/none', '-o', '/dev/null']],
    ['a pattern that fits nothing', 3, ['export', 'none/*', '-o', '/dev/null']],
    ['JSON and an archive on one stdout', 2, ['export', '-o', '-', '--json']],
    ['a folder that is missing', 10, ['export', '-o', '/nonexistent/x.tar']],
    ['an archive that is missing', 3, ['import', '/nonexistent/x.tar']],
    ['a folder as an archive', 3, ['import', '/']],
    ['no archive on stdin', 6, ['import', '-']],
  ])('refuse %s', async (_, code, args) => {
    await fill();
    expect(await cli(args)).toMatchObject({ code, stdout: '' });
  });
});
