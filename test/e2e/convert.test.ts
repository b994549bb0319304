import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { crc32 } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createValidator } from '../../schemas/index.ts';
import { openStore } from '../../store/index.ts';
import { bootProbe, probeTools } from '../support/boot-probe.ts';
import { runCli } from '../support/cli.ts';
import {
  type DockerRegistry,
  findProgram,
  startDockerRegistry,
} from '../support/docker-registry.ts';
import { addProbe } from '../support/kernels.ts';
import { writeLayout } from '../support/layout.ts';
import {
  baseFiles,
  imageOfApp,
  type PublishedApp,
  publishApps,
  runtimeFolder,
} from '../support/published-apps.ts';
import { readDisk } from '../support/rofs-reader.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const run = promisify(execFile);
const { qemu, gcc } = probeTools();
const absent = Object.entries({
  'docker-registry': findProgram('docker-registry'),
  skopeo: findProgram('skopeo'),
  'qemu-system-x86_64': qemu,
  gcc,
}).flatMap(([name, found]) => (found === undefined ? [name] : []));
if (absent.length > 0)
  console.log(`skipped: the main job end to end, for want of ${absent.join(', ')}`);

/** Layers in each compression, disks in each format: all disks of an app must hold the same. */
const variants = [
  { compression: 'gzip', format: 'raw' },
  { compression: 'gzip', format: 'qcow2' },
  { compression: 'zstd', format: 'raw' },
  { compression: 'zstd', format: 'qcow2' },
] as const;

/** The compression of the disk that later tests look at, so that comparing formats compares both. */
function usual(format: string): string {
  return format === 'raw' ? 'gzip' : 'zstd';
}

describe.skipIf(absent.length > 0)('convert, from a real registry to a booted disk', () => {
  const folder = temporaryFolder('e2e');
  let registry: DockerRegistry | undefined;
  let apps: readonly PublishedApp[] = [];
  let dotnet = '';
  const at = (...names: string[]): string => join(folder, ...names);
  const cli = (...args: string[]) => runCli([...args, '--store', at('store')]);

  beforeAll(async () => {
    registry = await startDockerRegistry();
    apps = await publishApps(at('apps'));
    const host = findProgram('dotnet');
    dotnet = host === undefined ? await runtimeFolder(at('dotnet')) : dirname(realpathSync(host));
    await addProbe(await openStore(at('store')), at('probe'));
  });

  afterAll(async () => {
    await registry?.close();
  });

  const refOf = (name: string, compression: string): string =>
    `${registry?.host}/apps/${name}:${compression}`;
  const diskOf = (name: string, format: string, compression = usual(format)): string =>
    at(`${name}-${compression}.${format}`);

  it.each(['console', 'web'] as const)('lists every file of %s with its checksum', async (name) => {
    const app = apps.find((one) => one.name === name);
    if (app === undefined) throw new Error(`${name} was not published`);
    for (const { compression, format } of variants) {
      const layout = at('layouts', name, compression);
      await mkdir(layout, { recursive: true });
      await writeLayout(layout, 'app', imageOfApp(app, { compression, args: ['a b', '$HOME'] }));
      const ref = refOf(name, compression);
      await run('skopeo', [
        'copy',
        '--dest-tls-verify=false',
        `oci:${layout}:app`,
        `docker://${ref}`,
      ]);

      expect(await cli('pull', ref, '--quiet')).toMatchObject({ code: 0, stderr: '' });
      const disk = diskOf(name, format, compression);
      const all = ['--include', 'all', '--runtime', dotnet];
      const built = await cli('build', ref, '-o', disk, ...all, '--json');
      expect(built, built.stderr).toMatchObject({ code: 0 });
      const report = JSON.parse(built.stdout);
      const validate = await createValidator('report');
      expect(validate(report)).toBeUndefined();
      expect(JSON.parse(await readFile(`${disk}.json`, 'utf8'))).toEqual(report);

      const seen = await bootProbe(disk, { format });
      expect(Buffer.from(seen.commandLine).toString()).toBe(report.commandLine);
      const files = new Map(
        seen.entries.flatMap((one) =>
          one.kind === 'file' ? [[one.path, one.crc32] as const] : [],
        ),
      );
      // Without these no .NET starts on OSv; the base image has none, so the host's must be there.
      if (findProgram('dotnet') !== undefined) {
        expect([...files.keys()]).toEqual(
          expect.arrayContaining(['/usr/lib/libstdc++.so.6', '/usr/lib/libgcc_s.so.1']),
        );
      }
      expect(files).toEqual(expectedFiles(app, dotnet, [...files.keys()]));
      expect(
        seen.entries.filter((one) => one.kind === 'symlink' && one.reaches !== 'mount'),
      ).toSatisfy((links: readonly { reaches: string }[]) =>
        links.every(({ reaches }) => reaches === 'file' || reaches === 'dir'),
      );
      expect(report.commandLine).toMatch(/\/app\/\w+\.dll "a b" \$OSV_CONVERT_ARG_\d+ !$/);
    }
  });

  it.each(['console', 'web'] as const)('leaves out of %s what OSv never loads', async (name) => {
    const app = apps.find((one) => one.name === name);
    if (app === undefined) throw new Error(`${name} was not published`);
    const disk = at(`${name}-reachable.raw`);
    const built = await cli(
      'build',
      refOf(name, 'gzip'),
      '-o',
      disk,
      '--runtime',
      dotnet,
      '--json',
    );
    expect(built, built.stderr).toMatchObject({ code: 0 });
    const report = JSON.parse(built.stdout);
    expect((await createValidator('report'))(report)).toBeUndefined();

    const seen = await bootProbe(disk, { format: 'raw' });
    const files = new Map(
      seen.entries.flatMap((one) => (one.kind === 'file' ? [[one.path, one.crc32] as const] : [])),
    );
    const expected = new Map(expectedFiles(app, dotnet, [...files.keys()]));
    const isUnused = (path: string): boolean => neverLoaded.test(path);
    const unused = [...expected.keys()].filter(isUnused);
    for (const path of unused) expected.delete(path);
    const edited = unused.length === 0 ? [] : [...expected.keys()].filter(isBaseDeps);
    for (const path of edited) {
      expect(files.get(path)).not.toBe(expected.get(path));
      expected.delete(path);
      files.delete(path);
    }
    expect(files).toEqual(expected);
    const { debugger: parts, 'other-collector': collectors } = report.reach.dropped;
    expect((parts?.files ?? 0) + (collectors?.files ?? 0)).toBe(unused.length);
  });

  it.runIf(findProgram('qemu-img'))('makes the same disk in both formats', async () => {
    for (const { name } of apps) {
      const [raw, qcow2] = [diskOf(name, 'raw'), diskOf(name, 'qcow2')];
      await run('qemu-img', ['check', '-f', 'qcow2', qcow2]);
      const { stdout } = await run('qemu-img', ['compare', '-f', 'raw', '-F', 'qcow2', raw, qcow2]);
      expect(stdout).toContain('Images are identical.');
    }
  });

  it('walks with a reader that shares no code with the writer', async () => {
    for (const { name } of apps) {
      const report = JSON.parse(await readFile(`${diskOf(name, 'raw')}.json`, 'utf8'));
      const read = readDisk(diskOf(name, 'raw')).flatMap((node) =>
        node.kind === 'file'
          ? [{ path: node.path, size: node.size, digest: `sha256:${node.sha256}` }]
          : [],
      );
      const byPath = (a: { path: string }, b: { path: string }): number =>
        a.path < b.path ? -1 : 1;
      expect(read.sort(byPath)).toEqual(report.files.sort(byPath));
    }
  });

  it('gives the same bytes when it builds twice', async () => {
    for (const format of ['raw', 'qcow2']) {
      const again = at(`again.${format}`);
      const compression = usual(format);
      const all = ['--include', 'all', '--runtime', dotnet];
      const built = await cli('build', refOf('web', compression), '-o', again, ...all);
      expect(built, built.stderr).toMatchObject({ code: 0 });
      expect(readFileSync(again).equals(readFileSync(diskOf('web', format)))).toBe(true);
      expect(await readFile(`${again}.json`, 'utf8')).toBe(
        await readFile(`${diskOf('web', format)}.json`, 'utf8'),
      );
    }
  });

  it('leaves a store that skopeo and umoci read', async () => {
    const name = refOf('console', 'gzip');
    const { stdout } = await run('skopeo', ['inspect', '--config', `oci:${at('store')}:${name}`]);
    expect(JSON.parse(stdout).config.WorkingDir).toBe('/app');
    if (findProgram('umoci') === undefined) return console.log('skipped: umoci is not installed');
    const image = ['--image', `${at('store')}:${name}`];
    await run('umoci', ['unpack', '--rootless', ...image, at('bundle')]);
    expect(readFileSync(at('bundle/rootfs/app/console.dll'))).toEqual(
      Buffer.from(apps.find((one) => one.name === 'console')?.files.get('console.dll') ?? []),
    );
  });

  it('inspects what its schema describes', async () => {
    const inspected = await cli('inspect', refOf('web', 'gzip'), '--json');
    expect(inspected).toMatchObject({ code: 0 });
    const inspection = JSON.parse(inspected.stdout);
    expect((await createValidator('inspect'))(inspection)).toBeUndefined();
    expect(inspection.app).toMatchObject({ kind: 'framework-dependent', aspnet: true });
    const images = await cli('images', '--json');
    expect((await createValidator('images'))(JSON.parse(images.stdout))).toBeUndefined();
  });
});

/** Parts of the runtime for debuggers and dumps, and collectors no setting names; its deps.json must not name them then. */
const neverLoaded =
  /\/(?:SOS_README\.md|createdump|lib(?:clrgc|clrgcexp|coreclrtraceptprovider|dbgshim|mscordaccore|mscordbi)\.so)$/;

const isBaseDeps = (path: string): boolean => path.endsWith('/Microsoft.NETCore.App.deps.json');

/** CRC-32 of each file the disk must have, from where it came: the app, the base, the host. */
function expectedFiles(
  app: PublishedApp,
  dotnet: string,
  found: readonly string[],
): ReadonlyMap<string, number> {
  const web = app.name === 'web' ? ['Microsoft.AspNetCore.App'] : [];
  const expected = new Map<string, number>();
  for (const [name, bytes] of app.files) expected.set(`/app/${name}`, crc32(bytes));
  for (const [path, text] of baseFiles) expected.set(`/${path}`, crc32(text));
  expected.set('/etc/hosts', crc32('127.0.0.1 localhost osv.local\n'));
  expected.set('/etc/fstab', crc32(fstab));
  for (const part of [
    'dotnet',
    'host/fxr',
    'shared/Microsoft.NETCore.App',
    ...web.map((name) => `shared/${name}`),
  ]) {
    for (const path of filesBelow(join(dotnet, part))) {
      expected.set(`/usr/share/dotnet${path.slice(dotnet.length)}`, crc32(readFileSync(path)));
    }
  }
  for (const path of found) {
    const [, library] = /^\/usr\/lib\/(lib[^/]+)$/.exec(path) ?? [];
    if (library !== undefined) expected.set(path, crc32(readFileSync(hostLibrary(library))));
  }
  return expected;
}

const fstab = `/dev/vblk0.1 /          rofs      defaults 0 0
none         /dev       devfs     defaults 0 0
none         /proc      procfs    defaults 0 0
none         /sys       sysfs     defaults 0 0
none         /tmp       ramfs     defaults 0 0
`;

function filesBelow(path: string): readonly string[] {
  if (statSync(path).isFile()) return [path];
  return readdirSync(path).flatMap((name) => filesBelow(join(path, name)));
}

function hostLibrary(name: string): string {
  for (const folder of [
    '/usr/lib/x86_64-linux-gnu',
    '/lib/x86_64-linux-gnu',
    '/usr/lib64',
    '/usr/lib',
    '/lib',
  ]) {
    try {
      return realpathSync(join(folder, name));
    } catch {
      // The next folder may have it.
    }
  }
  throw new Error(`the disk has ${name}, which is no library of this host`);
}
