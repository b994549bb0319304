import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createValidator } from '../../../schemas/index.ts';
import { digestOf, hexOf } from '../../../store/index.ts';
import { top } from '../../support/top.ts';
import {
  arm,
  blobPath,
  cli,
  cliJson,
  dir,
  fill,
  flip,
  job,
  jobName,
  kernel,
  root,
  web,
  webName,
} from './store-cli.ts';

describe('osv-convert store export and import', () => {
  const installed = (tool: string) => spawnSync(tool, ['--version']).status === 0;

  it('carry everything to another store, by file and by pipe', async () => {
    await fill();
    const archive = join(root, 'all.tar');
    expect((await cli(['export', '-o', archive])).code).toBe(0);
    const [main, other] = [join(top, 'dist/bin/osv-convert.cjs'), join(root, 'other')];
    const pipe = `"$0" "$1" store export --store "$2" -o - | "$0" "$1" store import --store "$3" -`;
    execFileSync('sh', ['-c', pipe, process.execPath, main, dir(), other], { stdio: 'ignore' });
    const again = join(root, 'again.tar');
    const { stdout } = await cli(['export', '-o', again], {}, other);
    expect(stdout).toMatch(
      /again.tar: .*\ndocker.io\/acme\/web:1\nkernel\/v1\nlocalhost\/job:2\n$/,
    );
    expect(readFileSync(again).equals(readFileSync(archive))).toBe(true);
    expect((await cli(['verify', '--full'], {}, other)).code).toBe(0);
  });

  it('take only what fits the names, short or with *', async () => {
    await fill();
    const output = join(root, 'some.tar');
    const { names } = await cliJson(['export', 'acme/web:1', 'kernel/*', '-o', output]);
    expect(names).toEqual([webName, 'kernel/v1']);
    const imported = await cli(['import', output], {}, join(root, 'some'));
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
        `  try: osv-convert load ${other} --store ${dir()}\n`,
    );
    expect(results[1]?.stderr).toContain(`found a folder at ${root}, wanted a file`);
  });

  it('set no name from an archive that is cut off', async () => {
    await fill();
    const archive = join(root, 'cut.tar');
    await cli(['export', '-o', archive]);
    writeFileSync(archive, readFileSync(archive).subarray(0, statSync(archive).size - 2048));
    const store = join(root, 'cut');
    const { code, stderr } = await cli(['import', archive], {}, store);
    expect(code).toBe(6);
    expect(stderr).toContain('(ARCHIVE_INVALID)');
    expect((await cliJson(['ls'], store)).names).toEqual([]);
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
