import { chmod, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { addKernel } from '../../../src/osv/kernels.ts';
import { openStore } from '../../../store/index.ts';
import { runCli } from '../../support/cli.ts';
import { helloImage } from '../../support/hello-image.ts';
import { writeLayout } from '../../support/layout.ts';
import { otherUser } from '../../support/other-user.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { writeProgram } from '../../support/write-program.ts';
import { fakeLoader } from '../osv/fake-kernel.ts';

/** In the place of QEMU: tells which disk it was given, and ends like a guest that powers off. */
const machine = `#!/bin/sh
for word; do case "$word" in file=*) echo "$word";; esac; done
`;

const folder = temporaryFolder('run-cache');
let env: Record<string, string>;

beforeAll(async () => {
  const programs = join(folder, 'bin');
  await mkdir(programs);
  writeProgram(join(programs, 'qemu-system-x86_64'), machine);
  env = {
    PATH: `${programs}:${process.env['PATH']}`,
    XDG_CACHE_HOME: join(folder, 'cache'),
    OSV_CONVERT_STORE: join(folder, 'store'),
  };
  const store = await openStore(join(folder, 'store'));
  await addKernel(store, [{ name: 'loader.img', bytes: fakeLoader() }], { name: 'fake' });
  await store.close();
  await writeLayout(join(folder, 'hello'), '1', await helloImage());
});

const disks = (): string => join(folder, 'cache/osv-convert/disks');

async function run(...options: readonly string[]) {
  const { code, stdout, stderr } = await runCli(['run', 'oci:hello:1', ...options], {
    env,
    cwd: folder,
  });
  expect(code, stderr).toBe(0);
  const path = /^file=([^,]*),/m.exec(stdout)?.[1] ?? '';
  return { path, isReused: stderr.includes('using the disk built before') };
}

describe('run REF', () => {
  it('builds a disk once, also when two begin at once', async () => {
    const [first, second] = await Promise.all([run(), run()]);
    expect(first.path).toMatch(/^\/.*\/cache\/osv-convert\/disks\/[0-9a-f]{64}\.raw$/);
    expect(second.path).toBe(first.path);
    expect(await run()).toEqual({ path: first.path, isReused: true });
    expect(await readdir(disks())).toHaveLength(3);
  });

  it.each([
    ['--env', 'GREETING=hi'],
    ['--tmpfs', '/app/data'],
    ['--memory', '2G'],
    ['--cmd', 'other'],
    ['--drop', '/etc/group'],
    ['--include', 'all'],
  ])('builds another disk with %s %s', async (...options) => {
    const [plain, other] = await Promise.all([run(), run(...options)]);
    expect(other).toEqual({ path: expect.not.stringMatching(plain.path), isReused: false });
    const report = JSON.parse(await readFile(`${other.path}.json`, 'utf8'));
    expect(report.tmpfs).toEqual(options[0] === '--tmpfs' ? ['/app/data'] : []);
  });

  it('builds a disk again when it was damaged', async () => {
    const { path } = await run();
    const bytes = await readFile(path);
    await writeFile(path, Buffer.from(bytes).fill(0, 0, 512));
    expect(await run()).toEqual({ path, isReused: false });
    expect((await readFile(path)).equals(bytes)).toBe(true);
  });

  it('looks into no image when its disk was built before of the same', async () => {
    const { path } = await run('--env', 'LOST=yes');
    const blobs = join(folder, 'hello/blobs');
    await rename(blobs, join(folder, 'lost'));
    await rename(join(folder, 'store/layers'), join(folder, 'layers'));
    try {
      expect(await run('--env', 'LOST=yes')).toEqual({ path, isReused: true });
    } finally {
      await rename(join(folder, 'lost'), blobs);
      await rename(join(folder, 'layers'), join(folder, 'store/layers'));
    }
  });

  it('keeps nothing with --no-cache, and where the configuration says so', async () => {
    const before = await readdir(disks());
    await writeFile(join(folder, 'config.json'), '{ "diskCache": 0 }');
    for (const option of ['--no-cache', '--config=config.json']) {
      const { path, isReused } = await run(option, '--env', 'NEVER=kept');
      expect([path.startsWith(disks()), isReused]).toEqual([false, false]);
    }
    expect(await readdir(disks())).toEqual(before);
  });

  it('builds a disk for this run where none can be kept', async () => {
    const cache = join(folder, 'no-folder');
    await writeFile(cache, '');
    const { code, stderr } = await runCli(['run', 'oci:hello:1'], {
      env: { ...env, XDG_CACHE_HOME: cache },
      cwd: folder,
    });
    const found = `opening the cache of disks ${cache}/osv-convert/disks: found a file there, or on the way to it, wanted a folder that this user can write to: the disk is not kept`;
    expect([code, stderr]).toEqual([0, expect.stringContaining(found)]);
  });
});

describe('build', () => {
  const build = async (...options: readonly string[]) => {
    const words = ['build', 'oci:hello:1', '-o', 'web.qcow2', ...options];
    const { code, stdout, stderr } = await runCli(words, { env, cwd: folder });
    expect(code, stderr).toBe(0);
    return stdout;
  };

  it('says that a disk is up to date, and prints the same report, when it was built before', async () => {
    const report = await build('--json', '--env', 'PASSWORD=hunter2');
    const again = ['--env', 'PASSWORD=hunter2'];
    expect(await build(...again)).toMatch(/^web\.qcow2 is up to date: qcow2, bios boot, .*\n/);
    expect(await build(...again)).not.toContain('hunter2');
    expect(await build(...again, '--json')).toBe(report);
    expect(await build(...again, '--no-cache')).toMatch(/^web\.qcow2: qcow2, /);
    const builds = join(folder, 'cache/osv-convert/builds');
    for (const name of await readdir(builds)) {
      expect(await readFile(join(builds, name), 'utf8')).not.toContain('hunter2');
    }
  });

  it('remembers nothing with --no-cache, and where the configuration says so', async () => {
    await writeFile(join(folder, 'config.json'), '{ "diskCache": 0 }');
    for (const option of ['--no-cache', '--config=config.json']) {
      for (const _ of ['first', 'second']) {
        expect(await build(option, '--cmd', 'never')).toMatch(/^web\.qcow2: qcow2, /);
      }
    }
    expect(await build('--cmd', 'never')).toMatch(/^web\.qcow2: qcow2, /);
  });
});

describe('cache', () => {
  it('tells in its own words that it may not write', async ({ skip }) => {
    const shut = join(folder, 'shut');
    await mkdir(shut);
    const user = otherUser(shut);
    if (user === undefined) return skip('another user may not come to the program');
    await chmod(folder, 0o755);
    const cache = { env: { ...env, XDG_CACHE_HOME: shut, XDG_CONFIG_HOME: shut }, through: user };
    const { code, stderr } = await runCli(['cache', 'ls'], cache);
    const found = `opening the cache of disks ${shut}/osv-convert/disks: found a place where this user may not write, wanted a folder that this user can write to (OUTPUT_UNUSABLE)`;
    expect([code, stderr]).toEqual([10, expect.stringContaining(found)]);
  });

  it('lists disks and builds and removes them', async () => {
    const { path } = await run();
    await runCli(['build', 'oci:hello:1', '-o', 'web.img'], { env, cwd: folder });
    const cache = async (...words: readonly string[]) =>
      JSON.parse((await runCli(['cache', ...words, '--json'], { env })).stdout);
    const listed = await cache('ls');
    expect(listed.folder).toBe(disks());
    expect(path).toContain(listed.disks[0].key);
    expect(listed.builds[0].outputs).toEqual([join(folder, 'web.img')]);
    const { stdout } = await runCli(['cache', 'ls'], { env });
    expect(stdout).toMatch(/^DISK .*\n[\s\S]*\nBUILD .*\n[\s\S]*web\.img/);
    expect(await cache('clear')).toEqual({
      disks: listed.disks.length,
      bytes: listed.disks.reduce((sum: number, { size }: { size: number }) => sum + size, 0),
      builds: expect.any(Number),
    });
    const { disks: noDisks, builds: noBuilds } = await cache('ls');
    expect([noDisks, noBuilds]).toEqual([[], []]);
  });
});
