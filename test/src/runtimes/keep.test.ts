import { chmod, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createValidator } from '../../../schemas/index.ts';
import { convert } from '../../../src/convert.ts';
import { load } from '../../../src/copy/load.ts';
import { save } from '../../../src/copy/save.ts';
import type { DotnetApp } from '../../../src/dotnet/app.ts';
import {
  inOrderOfUse,
  type KeptRuntime,
  listKeptRuntimes,
  removeRuntime,
} from '../../../src/dotnet/kept-runtimes.ts';
import { machines } from '../../../src/elf/elf.ts';
import { ConvertError } from '../../../src/error.ts';
import { parsePlatform } from '../../../src/oci/platform.ts';
import { withHealing } from '../../../src/pull/heal.ts';
import { listImages, loadImage } from '../../../src/pull/image.ts';
import { lockImage, readLockFile } from '../../../src/pull/lock-file.ts';
import { type PullOptions, pullPlatforms } from '../../../src/pull/pull.ts';
import type { Report } from '../../../src/report.ts';
import { addRuntime, type RunnableTree } from '../../../src/runtimes/add.ts';
import { keepRuntime } from '../../../src/runtimes/keep.ts';
import { openNamedRuntime } from '../../../src/runtimes/open.ts';
import { withLayers } from '../../../src/tree/open-layers.ts';
import { walkTree } from '../../../src/tree/walk.ts';
import { digestOf, openStore, type Store } from '../../../store/index.ts';
import { type BuiltImage, buildImage } from '../../support/image.ts';
import { buildLayer, file, type LayerItem, symlink as linkItem } from '../../support/layers.ts';
import { writeLayout } from '../../support/layout.ts';
import {
  core,
  describeImage,
  type ImageFiles,
  managed,
  muslElf,
  runtime,
  treeOf,
} from '../dotnet/image-builder.ts';
import { buildElf } from '../elf/elf-builder.ts';

let folder: string;
let store: Store;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'osv-convert-keep-'));
  store = await openStore(join(folder, 'store'));
});

afterEach(async () => {
  await store.close();
  await rm(folder, { recursive: true, force: true });
});

const net10 = runtime({ core: ['10.0.1'], aspnet: ['10.0.1'] }, { root: '' });
/** So that nothing of the host is taken. */
const libraries: ImageFiles = Object.fromEntries(
  [
    ...['libstdc++.so.6', 'libgcc_s.so.1', 'libssl.so.3', 'libcrypto.so.3'],
    ...['libicuuc.so.72', 'libicui18n.so.72', 'libicudata.so.72'],
  ].map((soname) => [`/usr/lib/${soname}`, buildElf({ soname })]),
);

async function folderOf(name: string, files: ImageFiles): Promise<string> {
  const root = join(folder, name);
  await mkdir(root, { recursive: true });
  for (const [path, what] of Object.entries(files)) {
    const target = join(root, path);
    await mkdir(dirname(target), { recursive: true });
    if (typeof what === 'object' && 'link' in what) await symlink(what.link, target);
    else await writeFile(target, what);
    if (path.endsWith('/dotnet')) await chmod(target, 0o755);
  }
  return root;
}

const itemsOf = (files: ImageFiles, prefix = ''): LayerItem[] =>
  Object.entries(files).map(([path, what]) =>
    typeof what === 'object' && 'link' in what
      ? linkItem(`${prefix}${path.slice(1)}`, what.link)
      : file(`${prefix}${path.slice(1)}`, what, {
          mode: path.endsWith('/dotnet') ? 0o755 : 0o644,
        }),
  );

async function imageWith(name: string, ...files: readonly ImageFiles[]): Promise<string> {
  await writeLayout(join(folder, name), 'a', imageOf(...files));
  return `oci:${join(folder, name)}:a`;
}

const imageOf = (...files: readonly ImageFiles[]): BuiltImage =>
  buildImage({ layers: files.map((one) => itemsOf(one)) });

const keep = (from: string, name?: string): Promise<KeptRuntime> =>
  keepRuntime(store, from, { hostEnv: { PATH: '/nowhere' }, ...(name !== undefined && { name }) });

const asks = (version: string): DotnetApp =>
  describeImage(managed('app', { frameworks: [core(version)] }), {
    Cmd: ['dotnet', '/app/app.dll'],
  });

/** From an image that has its libraries. */
const keepVersion = async (version: string, name: string): Promise<KeptRuntime> =>
  keep(await imageWith(`of-${name}`, runtime({ core: [version] }), libraries), name);

const image = { ...managed('app', { frameworks: [core('10.0.0')] }), ...libraries };

const build = (
  options: PullOptions & { readonly runtime?: string; readonly dotnet?: string } = {},
  app = asks('10.0.0'),
  to = store,
  files: ImageFiles = image,
): Promise<RunnableTree> =>
  withLayers(to, async (open) => {
    const hostEnv = { PATH: '/nowhere', ...(options.dotnet && { DOTNET_ROOT: options.dotnet }) };
    const whole = { ...options, hostEnv };
    return await addRuntime(
      to,
      open,
      treeOf(files),
      app,
      whole,
      await openNamedRuntime(to, open, whole, 'x64'),
    );
  });

const contentsOf = ({ tree }: RunnableTree): string[] =>
  [...walkTree(tree)]
    .map(({ path, node }) =>
      [
        path,
        node.kind,
        node.kind === 'file' ? node.content.digest : '',
        node.kind === 'symlink' ? node.target : '',
      ].join(' '),
    )
    .sort();

async function failureOf(work: Promise<unknown>): Promise<ConvertError> {
  const error = await work.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  if (!(error instanceof ConvertError)) throw error ?? new Error('nothing failed');
  return error;
}

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
      hint: 'osv-convert runtime add host',
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

describe('addRuntime', () => {
  it('gives the same tree from the host and from the kept copy of its runtime', async () => {
    const dotnet = await folderOf('dotnet', net10);
    // Without the libraries, so that they come from the host, too.
    const bare = managed('app', { frameworks: [core('10.0.0')] });
    const ofHost = await build({ runtime: 'host', dotnet }, asks('10.0.0'), store, bare);
    const kept = await keepRuntime(store, 'host', {
      name: 'net',
      hostEnv: { PATH: '/nowhere', DOTNET_ROOT: dotnet },
    });
    expect(kept.origin).toBe('host');
    const ofKept = await build({ runtime: 'runtime/net' }, asks('10.0.0'), store, bare);
    expect(contentsOf(ofKept)).toEqual(contentsOf(ofHost));
    expect(contentsOf(ofKept).join('\n')).toContain('/usr/lib/libstdc++.so.6 file');

    expect(ofHost.origin).toEqual({ layer: ofHost.added[0] });
    expect(ofHost.runtime).toMatchObject({ from: 'host', hostfxr: '10.0.1' });
    expect(ofKept.origin).toEqual({ name: kept.name, manifest: kept.digest });
    expect(ofKept.runtime).toMatchObject({ from: 'kept', hostfxr: '10.0.1' });
    expect(ofKept.added).toEqual([kept.layer]);
  });

  it("takes by itself the image's runtime, else a kept one, else the host's", async () => {
    const dotnet = await folderOf('dotnet', net10);
    expect((await build({ dotnet })).runtime).toMatchObject({ from: 'host' });
    await keepVersion('9.0.9', 'nine');
    expect((await build({ dotnet })).runtime).toMatchObject({ from: 'host' });
    await keepVersion('10.0.1', 'ten');
    expect((await build({ dotnet })).runtime).toMatchObject({ from: 'kept', name: 'runtime/ten' });
    expect((await build({ dotnet, runtime: 'host' })).runtime).toMatchObject({ from: 'host' });
    const own = { ...image, ...runtime({ core: ['10.0.2'] }) };
    const { runtime: found, origin } = await build({ dotnet }, asks('10.0.0'), store, own);
    expect(found).toMatchObject({ from: 'image' });
    expect(origin).toEqual({});

    const error = await failureOf(build({}, asks('7.0.0')));
    expect(error.code).toBe('FRAMEWORK_NOT_FOUND');
    expect(error.message).toContain('runtime/nine kept in the store has 9.0.9');
    expect(error.message).toContain('runtime/ten kept in the store has 10.0.1');
  });

  it('takes a kept runtime by name and digest, and no other', async () => {
    const { digest, name } = await keepVersion('10.0.1', 'net');
    for (const text of ['net', name, `${name}@${digest}`]) {
      expect((await build({ runtime: text })).origin).toEqual({ name, manifest: digest });
    }
    const wrong = digestOf(Buffer.from('another'));
    expect(await failureOf(build({ runtime: `${name}@${wrong}` }))).toMatchObject({
      code: 'RUNTIME_NOT_FOUND',
      message: `choosing the runtime ${name}: found ${digest}, wanted ${wrong}`,
    });
    expect(await failureOf(build({ runtime: 'runtime/gone' }))).toMatchObject({
      code: 'RUNTIME_NOT_FOUND',
      message: `choosing a runtime: found ${name}, wanted runtime/gone`,
    });
    expect(await failureOf(build({ runtime: `${name}@sha256:00` }))).toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining('found the digest "sha256:00"'),
    });
  });

  it('refuses a word that is a kept runtime and a folder, and the file of a runtime', async () => {
    // Tests run in the project's folder, which has one of this name.
    await keepVersion('10.0.1', 'store');
    expect(await failureOf(build({ runtime: 'store' }))).toMatchObject({
      code: 'USAGE',
      hint: 'write runtime/store or ./store',
    });
    await writeFile(join(folder, 'a.tar.gz'), '');
    expect(await failureOf(build({ runtime: join(folder, 'a.tar.gz') }))).toMatchObject({
      code: 'USAGE',
      hint: `osv-convert runtime add ${join(folder, 'a.tar.gz')}`,
    });
  });

  it('takes the runtime of an image by its digest, and tells it', async () => {
    const parts = imageOf(runtime({ core: ['10.0.3'] }), libraries);
    await writeLayout(join(folder, 'aspnet'), 'a', parts);
    const ref = `oci:${join(folder, 'aspnet')}`;
    const { runtime: found, origin } = await build({ runtime: `${ref}@${parts.root.digest}` });
    expect(found).toMatchObject({ from: 'reference', frameworks: [core('10.0.3')] });
    expect(origin).toEqual({
      name: `localhost/aspnet@${parts.root.digest}`,
      manifest: parts.root.digest,
    });
    const wrong = digestOf(Buffer.from('another'));
    expect(await failureOf(build({ runtime: `${ref}@${wrong}` }))).toMatchObject({
      code: 'IMAGE_NOT_FOUND',
    });
  });

  it('gives the same on another machine, where save and load have carried the runtime', async () => {
    const kept = await keepVersion('10.0.1', 'net');
    const here = await build({ runtime: 'runtime/net' });
    const other = await openStore(join(folder, 'other'));
    const third = await openStore(join(folder, 'third'));
    try {
      await save(store, ['runtime/net'], join(folder, 'net.tar'));
      const loaded = await load(other, join(folder, 'net.tar'));
      expect(loaded).toMatchObject([{ reference: kept.name, digest: kept.digest }]);
      expect(await listKeptRuntimes(other)).toEqual([kept]);
      expect(await listImages(other)).toEqual([]);
      const options = { runtime: 'runtime/net', offline: true };
      const there = await build(options, asks('10.0.0'), other);
      expect(contentsOf(there)).toEqual(contentsOf(here));
      expect(there.origin).toEqual(here.origin);

      await third.import(store.export({ names: ['runtime/*'] }));
      expect(await third.layers.has(kept.layer)).toBe(false);
      expect(contentsOf(await build(options, asks('10.0.0'), third))).toEqual(contentsOf(here));
      await writeTarOf(third, 'exported.tar');
      await load(other, join(folder, 'exported.tar'), { name: kept.name });
      expect(await listKeptRuntimes(other)).toEqual([kept]);
    } finally {
      await other.close();
      await third.close();
    }
  });

  async function writeTarOf(from: Store, name: string): Promise<void> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of from.export({ names: ['runtime/*'] }))
      chunks.push(Buffer.from(chunk));
    await writeFile(join(folder, name), Buffer.concat(chunks));
  }

  it.each([
    [{ hostfxr: 'ten' }, 'found the hostfxr "ten", wanted its version'],
    [
      { hostfxr: '10.0.1', frameworks: 'a b c' },
      'found the framework "a b c", wanted NAME VERSION',
    ],
  ])('loads no image that only says that it is a kept runtime: %j', async (said, found) => {
    const { blobs, root } = imageOf({ '/x': 'x' });
    const told = Object.entries(said).map(([key, value]) => [`osv-convert.runtime.${key}`, value]);
    const bytes = blobs.get(root.digest) ?? Buffer.alloc(0);
    const manifest = {
      ...JSON.parse(`${Buffer.from(bytes)}`),
      annotations: Object.fromEntries(told),
    };
    const forged = Buffer.from(JSON.stringify(manifest));
    const named = { ...root, digest: digestOf(forged), size: forged.length };
    await writeLayout(join(folder, 'forged'), 'runtime/net', {
      blobs: new Map([...blobs, [named.digest, forged]]),
      root: named,
    });
    expect(await failureOf(load(store, join(folder, 'forged')))).toMatchObject({
      code: 'MANIFEST_INVALID',
      message: expect.stringContaining(found),
    });
    expect(await listKeptRuntimes(store)).toEqual([]);
  });

  it('takes from the store only what a lock file names, and warns of what that cannot fix', async () => {
    const dotnet = await folderOf('dotnet', net10);
    const kept = await keepVersion('10.0.1', 'net');
    const ref = await imageWith('aspnet', runtime({ core: ['10.0.3'] }), libraries);
    const path = join(folder, 'a.lock');
    await writeFile(path, '{"lockVersion":1,"images":{}}');
    const unlocked = await readLockFile(path);
    expect(await failureOf(build({ runtime: kept.name, lock: unlocked }))).toMatchObject({
      code: 'LOCK_MISSING',
      hint: `osv-convert pull --lock ${path} --platform linux/amd64 store:runtime/net`,
    });
    expect(await failureOf(build({ runtime: ref, lock: unlocked }))).toMatchObject({
      code: 'LOCK_MISSING',
    });
    const warnings: string[] = [];
    const onEvent: PullOptions['onEvent'] = (event) => {
      if (event.event === 'warning') warnings.push(event.text);
    };
    const unfixed = await build({ dotnet, lock: unlocked, onEvent });
    expect(unfixed.runtime).toMatchObject({ from: 'host' });
    expect(warnings).toEqual([
      expect.stringContaining(
        `the runtime is that of ${dotnet} on this host, which ${path} cannot`,
      ),
    ]);

    for (const location of [`store:${kept.name}`, ref]) {
      const { name, meaning } = await pullPlatforms(
        store,
        location,
        [parsePlatform('linux/amd64')],
        {},
      );
      if (meaning === undefined) throw new Error('it was asked for');
      await lockImage(path, name, meaning);
    }
    const lock = await readLockFile(path);
    expect((await build({ runtime: kept.name, lock })).runtime).toMatchObject({ from: 'kept' });
    expect((await build({ dotnet, lock })).runtime).toMatchObject({ from: 'kept' });
    expect((await build({ runtime: ref, lock })).runtime).toMatchObject({ from: 'reference' });

    await writeLayout(join(folder, 'aspnet'), 'a', imageOf(runtime({ core: ['10.0.4'] })));
    expect(await failureOf(build({ runtime: ref, lock }))).toMatchObject({ code: 'LOCK_MISMATCH' });
  });

  it('says how to have a damaged kept runtime again, and needs none for other images', async () => {
    const { layer, name } = await keepVersion('10.0.1', 'net');
    const { path, size, close } = await store.blobs.open(layer);
    await close();
    await writeFile(path, Buffer.alloc(size));
    const own = { ...image, ...runtime({ core: ['10.0.2'] }) };
    expect((await build({}, asks('10.0.0'), store, own)).runtime).toMatchObject({ from: 'image' });
    const healed = withHealing(store, { offline: true }, () => build({ runtime: name }));
    await expect(healed).rejects.toMatchObject({
      code: 'STORE_CORRUPT',
      hint: `osv-convert runtime rm ${name}\nosv-convert runtime add --name ${name} FROM   with FROM as it was`,
    });
  });
});

describe('convert', () => {
  it('gives the same disk from the host and from the kept copy of its runtime, and tells them apart', async () => {
    const dotnet = await folderOf('dotnet', net10);
    const hostEnv = { PATH: '/nowhere', DOTNET_ROOT: dotnet };
    const config = { Cmd: ['dotnet', '/app/app.dll'] };
    const app = managed('app', { frameworks: [core('10.0.0')] });
    await writeLayout(join(folder, 'app'), 'a', buildImage({ layers: [itemsOf(app)], config }));
    const kept = await keepRuntime(store, 'host', { name: 'net', hostEnv });
    const isReport = await createValidator('report');
    const disks: { readonly bytes: Buffer; readonly report: Report }[] = [];
    for (const from of ['host', dotnet, 'runtime/net']) {
      const output = join(folder, 'disk.img');
      const report = await convert(store, `oci:${join(folder, 'app')}`, output, {
        format: 'raw',
        boot: 'direct',
        runtime: from,
        hostEnv,
        force: true,
      });
      expect(isReport(JSON.parse(await readFile(`${output}.json`, 'utf8')))).toBeUndefined();
      disks.push({ bytes: await readFile(output), report });
    }
    const [ofHost, ofFolder, ofKept] = disks;
    expect(ofHost?.bytes.equals(ofKept?.bytes ?? Buffer.alloc(0))).toBe(true);
    expect(ofHost?.bytes.equals(ofFolder?.bytes ?? Buffer.alloc(0))).toBe(true);
    const { runtime: told, added, ...same } = ofHost?.report ?? {};
    expect(ofKept?.report).toEqual({
      ...same,
      added: [kept.layer],
      runtime: {
        from: 'kept',
        frameworks: [core('10.0.1')],
        hostfxr: '10.0.1',
        name: 'runtime/net',
        manifest: kept.digest,
      },
    });
    expect(told).toMatchObject({ from: 'host', hostfxr: '10.0.1', layer: added?.[0] });
    expect(ofFolder?.report.runtime).toEqual({ ...told, from: 'folder' });
  });
});
