import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import {
  inOrderOfUse,
  type KeptRuntime,
  listKeptRuntimes,
  removeRuntime,
} from '../../../src/dotnet/kept-runtimes.ts';
import { machines } from '../../../src/elf/elf.ts';
import { listImages, loadImage } from '../../../src/pull/image.ts';
import { keepRuntime } from '../../../src/runtimes/keep.ts';
import { digestOf } from '../../../store/index.ts';
import { buildLayer } from '../../support/layers.ts';
import { core, type ImageFiles, muslElf, runtime } from '../dotnet/image-builder.ts';
import { buildElf } from '../elf/elf-builder.ts';
import {
  failureOf,
  folder,
  folderOf,
  imageWith,
  itemsOf,
  keep,
  keepVersion,
  libraries,
  net10,
  store,
} from './kept-store.ts';

describe('keepRuntime', () => {
  it('keeps a folder as an image of one layer with its libraries, under its usual name', async () => {
    const files = {
      ...net10,
      '/LICENSE.txt': 'MIT',
      '/sdk/10.0.100/dotnet.dll': 'not kept',
      '/shared/Microsoft.NETCore.App/9.0.0/libcoreclr.so': 'incomplete',
    };
    const kept = await keep(await folderOf('dotnet', files));
    expect(kept).toMatchObject({
      name: 'runtime/aspnetcore-10.0.1',
      frameworks: [
        { name: 'Microsoft.AspNetCore.App', version: '10.0.1' },
        { name: 'Microsoft.NETCore.App', version: '10.0.1' },
      ],
      hostfxr: '10.0.1',
      origin: 'folder',
    });
    expect(await listKeptRuntimes(store)).toEqual([kept]);
    expect(await listImages(store)).toEqual([]);

    const ref = await store.refs.get(kept.name);
    if (ref === undefined) throw new Error('it has a name');
    const { layers, platform } = await loadImage(store, kept.name, ref);
    expect(layers.map(({ diffID }) => diffID)).toEqual([kept.layer]);
    expect(platform).toBe('linux/amd64');
    const layer = await store.layers.open(kept.layer);
    const paths = layer.index.entries.map(({ path }) => path);
    layer.close();
    expect(paths).toContain('usr/bin/dotnet');
    expect(paths).toContain('usr/share/dotnet/LICENSE.txt');
    expect(paths).toContain('usr/share/dotnet/shared/Microsoft.AspNetCore.App/10.0.1');
    expect(paths.filter((path) => /sdk|9\.0\.0/.test(path))).toEqual([]);
    expect(paths).toContain('usr/lib/libstdc++.so.6');
  });

  it('takes the same runtime again as done, wherever it comes from, and no other of its name', async () => {
    const first = await folderOf('a', net10);
    await cp(first, join(folder, 'b'), { recursive: true });
    const tar = await writeTar('c.tar.gz', net10);
    const kept = await keep(first, 'net');
    expect(await keep(join(folder, 'b'), 'runtime/net')).toEqual(kept);
    expect((await keep(tar, 'net')).digest).toBe(kept.digest);

    const other = await folderOf('d', runtime({ core: ['9.0.4'] }, { root: '' }));
    expect(await failureOf(keep(other, 'net'))).toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining(
        'found another of that name (Microsoft.AspNetCore.App 10.0.1, Microsoft.NETCore.App 10.0.1',
      ),
      hint: expect.stringContaining('osv-convert runtime rm runtime/net'),
    });
    expect(await keep(other)).toMatchObject({ name: 'runtime/dotnet-9.0.4' });
  });

  it('reads an archive as it is published, with its digest', async () => {
    const path = await writeTar('dotnet-runtime-10.0.1-linux-x64.tar.gz', net10);
    const kept = await keep(path);
    expect(kept.origin).toMatch(/^archive dotnet-runtime-10\.0\.1-linux-x64\.tar\.gz sha256:/);
    expect(kept.name).toBe('runtime/aspnetcore-10.0.1');
    await store.close();
    const { removed } = await store.gc();
    expect(removed.filter(({ kind }) => kind === 'layer')).toHaveLength(1);
    expect(await store.layers.has(kept.layer)).toBe(true);
  });

  it('takes the libraries of the image that it is from', async () => {
    const inImage = runtime({ core: ['8.0.4'] }, { root: '/usr/lib/dotnet' });
    const ref = await imageWith('image', inImage, {
      ...libraries,
      '/usr/lib/libextra.so.1': buildElf(),
    });
    const kept = await keep(ref);
    expect(kept).toMatchObject({ name: 'runtime/dotnet-8.0.4', hostfxr: '8.0.4' });
    expect(kept.origin).toMatch(/^image localhost\/image:a sha256:[0-9a-f]{64}$/);
    const layer = await store.layers.open(kept.layer);
    const entries = new Map(layer.index.entries.map((entry) => [entry.path, entry]));
    layer.close();
    expect(entries.get('usr/lib/libstdc++.so.6')).toMatchObject({
      digest: digestOf(buildElf({ soname: 'libstdc++.so.6' })),
    });
    expect(entries.has('usr/lib/libextra.so.1')).toBe(false);
    expect(entries.has('usr/share/dotnet/dotnet')).toBe(true);
  });

  it('refuses an image whose links make a tree without end', async () => {
    const path = '/usr/share/dotnet/shared/Microsoft.NETCore.App/10.0.1';
    const links = Object.fromEntries(
      Array.from({ length: 40 }, (_, at) => [`${path}/l${at}`, { link: '.' }]),
    );
    const ref = await imageWith('links', runtime({ core: ['10.0.1'] }), links);
    expect(await failureOf(keep(ref))).toMatchObject({
      code: 'RUNTIME_NOT_FOUND',
      message: expect.stringContaining('leads to more than 20000 files and folders'),
    });
    const large = { ...runtime({ core: ['10.0.1'] }), [`${path}/large`]: Buffer.alloc(3 << 20) };
    const copies = Object.fromEntries(
      Array.from({ length: 1500 }, (_, at) => [`${path}/c${at}`, { link: 'large' }]),
    );
    expect(await failureOf(keep(await imageWith('copies', large, copies)))).toMatchObject({
      code: 'RUNTIME_NOT_FOUND',
      message: expect.stringMatching(/found files of \d{10} bytes, wanted at most 4294967296/),
    });
  });

  it.each<[string, ImageFiles, string]>([
    ['holds no .NET', { '/readme': 'x' }, 'found no .NET there'],
    [
      'is for Alpine',
      runtime({ core: ['10.0.1'] }, { root: '', elf: muslElf }),
      'dotnet is linked to musl, wanted glibc',
    ],
    [
      'is for another processor than OSv runs on',
      runtime({ core: ['10.0.1'] }, { root: '', elf: { machine: machines.arm } }),
      'dotnet is for arm, wanted x64',
    ],
    ['has no hostfxr', without('libhostfxr.so'), 'found no .NET there'],
    ['has no hostpolicy', without('libhostpolicy.so'), 'has no libhostpolicy.so'],
    ['has no coreclr', without('libcoreclr.so'), 'has no libcoreclr.so'],
    [
      'has no deps.json',
      without('Microsoft.NETCore.App.deps.json'),
      'has no Microsoft.NETCore.App',
    ],
  ])('refuses a folder that %s', async (_, files, found) => {
    const error = await failureOf(keep(await folderOf('bad', files)));
    expect(error.code).toBe('RUNTIME_NOT_FOUND');
    expect(error.message).toContain(found);
    expect(error.hint).toContain('https://dotnet.microsoft.com/');
    expect(await listKeptRuntimes(store)).toEqual([]);
  });

  it('keeps a folder for arm64 under a name of its own, as an image for it, unless x64 was asked for', async () => {
    const files = runtime({ core: ['10.0.1'] }, { root: '', elf: { machine: machines.arm64 } });
    const path = await folderOf('arm64', files);
    const asked = { hostEnv: { PATH: '/nowhere' }, platform: 'linux/amd64' };
    expect((await failureOf(keepRuntime(store, path, asked))).message).toContain(
      'dotnet is for arm64, wanted x64',
    );
    const kept = await keep(path);
    expect(kept).toMatchObject({ name: 'runtime/dotnet-10.0.1-arm64', architecture: 'arm64' });
    expect(await listKeptRuntimes(store)).toEqual([kept]);
    const ref = await store.refs.get(kept.name);
    if (ref === undefined) throw new Error('it has a name');
    expect((await loadImage(store, kept.name, ref)).platform).toBe('linux/arm64');
  });

  it('refuses a file that is no tar, ends early or holds no runtime', async () => {
    const whole = gzipSync(buildLayer(itemsOf(net10, './'), { compression: 'none' }).blob);
    for (const [name, bytes, code] of [
      ['text', Buffer.from('hello'), 'ARCHIVE_INVALID'],
      ['short.tar.gz', whole.subarray(0, whole.length - 100), 'ARCHIVE_INVALID'],
      ['empty.tar', Buffer.alloc(1024), 'RUNTIME_NOT_FOUND'],
    ] as const) {
      await writeFile(join(folder, name), bytes);
      expect(await failureOf(keep(join(folder, name)))).toMatchObject({
        code,
        message: expect.stringContaining(`reading the runtime ${join(folder, name)}: found no `),
      });
    }
  });

  it('refuses what is no place of a runtime, and names that cannot be', async () => {
    await keepVersion('10.0.1', 'net');
    for (const [from, code, found] of [
      ['auto', 'USAGE', 'found "auto", wanted host'],
      ['runtime/net', 'USAGE', 'which is kept already'],
      ['runtime/other', 'RUNTIME_NOT_FOUND', 'found runtime/net, wanted runtime/other'],
      ['nothing-here', 'RUNTIME_NOT_FOUND', 'wanted "nothing-here" as a kept runtime or a folder'],
      [join(folder, 'nowhere'), 'RUNTIME_NOT_FOUND', 'found nothing there'],
      ['/dev/null', 'RUNTIME_NOT_FOUND', 'found no folder and no file'],
    ] as const) {
      const error = await failureOf(keep(from));
      expect(error.code).toBe(code);
      expect(error.message).toContain(found);
    }
    const path = await folderOf('dotnet', net10);
    for (const name of ['host', 'Net 10', 'runtime/', 'a'.repeat(64), '../x']) {
      expect(await failureOf(keep(path, name))).toMatchObject({ code: 'USAGE' });
    }
  });

  async function writeTar(name: string, files: ImageFiles): Promise<string> {
    const { blob } = buildLayer(itemsOf(files, './'), { compression: 'none' });
    await writeFile(join(folder, name), gzipSync(blob));
    return join(folder, name);
  }
});

function without(file: string): ImageFiles {
  return Object.fromEntries(Object.entries(net10).filter(([path]) => !path.endsWith(`/${file}`)));
}

describe('removeRuntime', () => {
  it('forgets a runtime, which gc leaves alone until then', async () => {
    const { layer, name } = await keepVersion('10.0.1', 'net');
    await store.close();
    await store.gc({ maxSize: 0 });
    expect(await store.layers.has(layer)).toBe(true);
    expect(await failureOf(removeRuntime(store, 'other'))).toMatchObject({
      code: 'RUNTIME_NOT_FOUND',
      message: `removing a runtime: found ${name}, wanted runtime/other`,
      hint: 'osv-convert runtime ls',
    });
    expect(await removeRuntime(store, 'net')).toBe(name);
    expect(await failureOf(removeRuntime(store, name))).toMatchObject({
      code: 'RUNTIME_NOT_FOUND',
      hint: 'osv-convert runtime ls',
    });
    await store.close();
    await store.gc();
    expect(await store.layers.has(layer)).toBe(false);
  });
});

describe('inOrderOfUse', () => {
  it('puts lower versions first, and of each minor version the newest patch', () => {
    const of = (version: string) =>
      ({ name: version, frameworks: [core(version)] }) as unknown as KeptRuntime;
    const versions = ['10.0.1', '8.0.4', '10.0.0-rc.1', '8.0.30', '9.0.2'];
    expect(inOrderOfUse(versions.map(of)).map(({ name }) => name)).toEqual([
      ...['8.0.30', '8.0.4', '9.0.2'],
      ...['10.0.1', '10.0.0-rc.1'],
    ]);
  });
});
