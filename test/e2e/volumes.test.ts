import { spawnSync } from 'node:child_process';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { findSystemProgram } from '../../src/run/system-program.ts';
import { findVirtiofsd } from '../../src/run/virtiofsd.ts';
import { buildProbe, probeTools } from '../support/boot-probe.ts';
import { runCli } from '../support/cli.ts';
import { helloImage } from '../support/hello-image.ts';
import { writeLayout } from '../support/layout.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

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
  const folder = temporaryFolder('volumes');
  const at = (name: string): string => join(folder, name);
  const cli = (...words: string[]) =>
    runCli([...words, '--store', at('store')], {
      cwd: folder,
      env: { XDG_CACHE_HOME: at('cache'), XDG_RUNTIME_DIR: at('run') },
    });
  const library = (): string[] => ['--add', `${at('libext.so')}:/usr/lib/fs/`];

  beforeAll(async () => {
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
    [['create', 'two', 'web.img', '--share', '.:/data'], 'the disk mounts none'],
  ])('is refused as %j', async (words, problem) => {
    const { code, stderr } = await cli(...words);
    expect(code).toBe(2);
    expect(stderr).toContain(problem);
  });
});

const unserved = reason ?? obstacleOfShares();
if (unserved !== undefined) console.log(`skipped: machines with shares, for ${unserved}`);

function obstacleOfShares(): string | undefined {
  try {
    findVirtiofsd(process.env);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

describe.skipIf(unserved !== undefined)('a machine with a share', () => {
  const folder = temporaryFolder('shares');
  const at = (name: string): string => join(folder, name);
  const cli = (...words: string[]) =>
    runCli([...words, '--store', at('store')], {
      cwd: folder,
      env: { XDG_CACHE_HOME: at('cache'), XDG_RUNTIME_DIR: at('run'), XDG_STATE_HOME: at('state') },
    });
  const done = async (...words: string[]): Promise<string> => {
    const { code, stdout, stderr } = await cli(...words);
    expect(code, stderr).toBe(0);
    return stdout;
  };

  beforeAll(async () => {
    await writeLayout(at('shop'), 'v1', await helloImage());
    const probe = await buildProbe(folder);
    await done('kernel', 'add', '--name', 'probe', probe);
    const built = await done('build', 'oci:shop:v1', '-o', 'web.img', '--share', '/conf');
    expect(built).toContain('share       /conf: run and create show a folder of their host there');
  }, patience);

  it.each([
    ['a disk', 'web.img'],
    ['an image', 'oci:shop:v1'],
  ])(
    'is created of %s, and lives without its creator',
    async (_, source) => {
      const words = ['--share', '.:/conf', '--network', 'none'];
      expect(await done('create', 'web', source, ...words)).toBe('web created\n');
      expect(await done('start', 'web')).toMatch(/^web (running|stopped)\n$/);
      expect(await done('wait', 'web')).toBe('web powered off\n');
      expect(await done('logs', 'web')).toContain('--mount-fs=virtiofs,/dev/virtiofs0,/conf');
      await done('delete', 'web');
      expect(await readdir(at('state/osv-convert/machines'))).toEqual([]);
    },
    patience,
  );

  it.each([
    [['create', 'web', 'web.img'], 'found no folder for it'],
    [['create', 'web', 'web.img', '--share', 'none:/conf'], 'none for it, wanted one of this host'],
    [['create', 'web', 'web.img', '--share', '.:/conf', '--vmm', 'firecracker'], 'found shares'],
  ])('is refused as %j', async (words, problem) => {
    const { code, stderr } = await cli(...words);
    expect([code, stderr]).toEqual([2, expect.stringContaining(problem)]);
    expect(await readdir(at('state/osv-convert/machines')).catch(() => [])).toEqual([]);
  });
});
