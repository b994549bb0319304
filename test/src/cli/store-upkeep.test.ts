import { existsSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Digest, digestOf, openStore } from '../../../store/index.ts';
import { runCli } from '../../support/cli.ts';
import { type Registry, startRegistry } from '../../support/registry/registry.ts';
import {
  blobPath,
  cli,
  cliJson,
  dir,
  fill,
  flip,
  job,
  jobName,
  kernel,
  names,
  put,
  root,
  web,
  webName,
} from './store-cli.ts';

const garbage = digestOf(Buffer.from('garbage'));

/** As if everything had been used last two days ago. */
function age(): void {
  const then = Date.now() / 1000 - 2 * 24 * 60 * 60;
  for (const name of readdirSync(join(dir(), 'blobs', 'sha256'))) {
    utimesSync(join(dir(), 'blobs', 'sha256', name), then, then);
  }
}

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
    expect([code, stderr]).toEqual([0, `warning: found no store at ${dir()}\n`]);
    expect(JSON.parse(stdout)).toBeTypeOf('object');
    await fill();
    expect((await cli([word, '--json'])).stderr).toBe('');
  });

  it('is what rm tells of', async () => {
    await fill();
    const { stdout, stderr } = await runCli(['rm', jobName, '--store', dir()]);
    expect(stdout).toBe(`${jobName}\n`);
    expect(stderr).toContain('osv-convert store gc');
  });

  it.each([
    ['kernel/v1', 'osv-convert kernel rm v1'],
    ['runtime/net', 'osv-convert runtime rm runtime/net'],
    ['kernel/none', 'osv-convert images'],
  ])('is not what rm does to %s: it names another command', async (name, hint) => {
    await fill();
    const store = await openStore(dir());
    await put(store, 'runtime/net', kernel, 'application/vnd.osv-convert.runtime.v1');
    await store.close();
    const { code, stderr } = await runCli(['rm', name, '--store', dir()]);
    expect(code).toBe(3);
    expect(stderr).toMatch(new RegExp(`  try: ${hint} --store ${dir()}\n$`));
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
    expect((await runCli(['pull', name, '--store', dir()])).code).toBe(0);
    const [layer] = web.layers;
    const path = blobPath(layer?.descriptor.digest ?? web.root.digest);
    flip(path);

    expect((await cli(['verify'])).code).toBe(0);
    const found = await cli(['verify', '--full']);
    expect(found.code).toBe(11);
    expect(found.stdout).toMatch(/^fault: blob sha256:.* wanted sha256:.*\nnot sound: 1 name, /);
    expect(found.stderr).toContain('(STORE_CORRUPT)');
    expect(found.stderr).toContain('try: osv-convert store verify --repair');
    expect(existsSync(join(dir(), 'quarantine'))).toBe(false);

    const mended = await cli(['verify', '--full', '--repair']);
    expect(mended.code).toBe(0);
    expect(mended.stdout).toMatch(/^fault: blob .*; refetched; of .*\/web:1\n(note: .*\n)*sound: /);
    expect(readFileSync(path)).toEqual(Buffer.from(layer?.blob ?? ''));
    expect((await cli(['verify', '--full'])).stdout).toMatch(/^(note: .*\n)*sound: /);
  });

  it('pulls nothing with --offline, and names what is lost', async () => {
    const name = `${registry.host}/web:1`;
    expect((await runCli(['pull', name, '--store', dir()])).code).toBe(0);
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
    writeFileSync(join(dir(), 'oci-layout'), 'no JSON');
    expect((await cli(['ls'])).code).toBe(11);
    expect((await cli(['verify', '--repair'])).code).toBe(0);
    expect((await cli(['ls'])).code).toBe(0);
  });
});
