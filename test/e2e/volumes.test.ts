import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findSystemProgram } from '../../src/run/system-program.ts';
import { buildProbe, probeTools } from '../support/boot-probe.ts';
import { runCli } from '../support/cli.ts';
import { helloImage } from '../support/hello-image.ts';
import { writeLayout } from '../support/layout.ts';

const e2fsck = findSystemProgram('e2fsck', process.env);
const { qemu, gcc } = probeTools();
const reason =
  qemu === undefined || gcc === undefined
    ? 'QEMU or gcc is not installed'
    : e2fsck === undefined
      ? 'e2fsprogs is not installed'
      : undefined;
if (reason !== undefined) console.log(`skipped: machines with volumes, for ${reason}`);

const patience = 120_000;

describe.skipIf(reason !== undefined)('a machine with a volume', () => {
  let folder = '';
  const at = (name: string): string => join(folder, name);
  const cli = (...words: string[]) =>
    runCli([...words, '--store', at('store')], {
      cwd: folder,
      env: { XDG_CACHE_HOME: at('cache'), XDG_RUNTIME_DIR: at('run') },
    });
  const library = (): string[] => ['--add', `${at('libext.so')}:/usr/lib/fs/`];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'osv-convert-volumes-'));
    await writeLayout(at('shop'), 'v1', await helloImage());
    await writeFile(at('libext.so'), 'the library');
    const probe = await buildProbe(folder);
    const added = await cli('kernel', 'add', '--name', 'probe', probe);
    expect(added.code, added.stderr).toBe(0);
    const wishes = ['--volume', '8M:/data', ...library()];
    const built = await cli('build', 'oci:shop:v1', '-o', 'web.img', ...wishes);
    expect(built.code, built.stderr).toBe(0);
    expect(built.stdout).toContain('volume      /data: run and create attach a disk');
  }, patience);

  afterAll(() => rm(folder, { recursive: true, force: true }));

  it(
    'gets one beside its disk, which stays for the next machine',
    async () => {
      const first = await cli('run', 'web.img', '--network', 'none');
      expect(first.code, first.stderr).toBe(0);
      expect(first.stdout).toContain('--mount-fs=ext,/dev/vblk1,/data');
      expect(first.stdout).toContain('dir /data\r\n');
      expect(first.stderr).toContain(`made the volume ${at('web.img-data.ext4')}`);
      const bytes = await readFile(at('web.img-data.ext4'));
      const second = await cli('run', 'web.img', '--network', 'none');
      expect(second.code, second.stderr).toBe(0);
      expect(second.stderr).not.toContain('made the volume');
      expect(bytes.equals(await readFile(at('web.img-data.ext4')))).toBe(true);
      expect(spawnSync(e2fsck ?? '', ['-fn', at('web.img-data.ext4')]).status).toBe(0);
    },
    patience,
  );

  it(
    'of an image gets one in the working directory, and the one that is named where one is',
    async () => {
      const words = ['--network', 'none', ...library()];
      const made = await cli('run', 'oci:shop:v1', '--volume', '8M:/data', ...words);
      expect(made.code, made.stderr).toBe(0);
      expect((await stat(at('shop-data.ext4'))).size).toBe(8 << 20);
      const named = await cli('run', 'web.img', '--volume', '16M:mine:/data', '--network', 'none');
      expect(named.code, named.stderr).toBe(0);
      expect((await stat(at('mine'))).size).toBe(16 << 20);
    },
    patience,
  );

  it(
    'has it for itself',
    async () => {
      const root = ['--root', at('machines')];
      const created = await cli('create', 'one', 'web.img', '--network', 'none', ...root);
      expect(created.code, created.stderr).toBe(0);
      try {
        const second = await cli('run', 'web.img', '--network', 'none');
        expect(second.code).not.toBe(0);
        // Where Linux does not tell who has a file locked, QEMU refuses it.
        expect(second.stderr).toMatch(/locked by|lock/);
      } finally {
        const gone = await cli('delete', 'one', '--force', ...root);
        expect(gone.code, gone.stderr).toBe(0);
      }
      expect(await readdir(folder)).toContain('web.img-data.ext4');
    },
    patience,
  );

  it.each([
    [['build', 'oci:shop:v1', '-o', 'w.img', '--volume', 'x.ext4:/data'], 'wanted the folder'],
    [['build', 'oci:shop:v1', '-o', 'w.img', '--share', './x:/data'], 'wanted the folder'],
    [['build', 'oci:shop:v1', '-o', 'w.img', '--volume', '/a', '--volume', '/b'], 'wanted one'],
    [['build', 'oci:shop:v1', '-o', 'w.img', '--volume', '/a', '--share', '/a'], 'twice'],
    [['run', 'web.img', '--volume', 'typo:/data'], 'found no file'],
    [['run', 'web.img', '--share', '.:/data'], 'the disk mounts none'],
    [['create', 'two', 'web.img', '--share', '.:/data'], 'found a share, wanted none'],
  ])('is refused as %j', async (words, problem) => {
    const { code, stderr } = await cli(...words);
    expect(code).toBe(2);
    expect(stderr).toContain(problem);
  });
});
