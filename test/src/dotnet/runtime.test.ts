import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Parser } from 'tar';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DotnetApp } from '../../../src/dotnet/app.ts';
import {
  type ChosenRuntime,
  chooseRuntime,
  type RuntimeSource,
  requireDotnetFolder,
} from '../../../src/dotnet/choose.ts';
import { filesOfTree } from '../../../src/dotnet/files.ts';
import { hostFiles } from '../../../src/dotnet/host-files.ts';
import { planLibraries } from '../../../src/dotnet/libraries.ts';
import { planPack } from '../../../src/dotnet/pack.ts';
import { packTar } from '../../../src/dotnet/pack-tar.ts';
import {
  findApphostFolder,
  findDotnetFolders,
  findHostRuntimes,
} from '../../../src/dotnet/runtimes.ts';
import { ConvertError } from '../../../src/error.ts';
import { buildElf } from '../elf/elf-builder.ts';
import {
  apphostData,
  aspnet,
  core,
  describeImage,
  type ImageFiles,
  managed,
  muslElf,
  noContents,
  published,
  runtime,
  runtimeconfig,
  singleFile,
  treeOf,
} from './image-builder.ts';

let home = '';
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'osv-convert-runtime-'));
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

/** Writes an image's files to a folder of the host, all of one time. */
function writeFiles(name: string, files: ImageFiles): string {
  const root = join(home, name);
  for (const [path, what] of Object.entries(files)) {
    if (typeof what === 'string' || what instanceof Uint8Array) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), what);
      chmodSync(join(root, path), path.endsWith('/dotnet') ? 0o700 : 0o640);
      utimesSync(join(root, path), 1e9, 1e9);
    }
  }
  return root;
}

const asks = (version: string, env: readonly string[] = []): DotnetApp =>
  describeImage(managed('app', { frameworks: [core(version)] }), {
    Cmd: ['dotnet', '/app/app.dll'],
    Env: env,
  });

const nothing = { PATH: '/nowhere' };

const choose = (
  app: DotnetApp,
  image: ImageFiles,
  source: RuntimeSource,
  hostEnv: Record<string, string> = nothing,
) => chooseRuntime(app, treeOf(image), noContents, { source, hostEnv });

function failureOf(call: () => unknown): ConvertError {
  try {
    call();
  } catch (error) {
    if (error instanceof ConvertError) {
      return error;
    }
    throw error;
  }
  throw new Error('nothing failed');
}

describe('findDotnetFolders', () => {
  test('finds every folder once, the one that would be used first', () => {
    const files = filesOfTree(
      treeOf(
        runtime({ core: ['8.0.4'] }, { root: '/opt/net' }),
        runtime({ core: ['9.0.1'] }, { root: '/usr/lib64/dotnet' }),
        runtime({ core: ['10.0.1'] }),
        runtime({ core: ['6.0.1'] }, { root: '/srv/net' }),
        {
          '/usr/bin/dotnet': { link: '/usr/lib64/dotnet/dotnet' },
          '/etc/dotnet/install_location': '/srv/net\n',
        },
      ),
      noContents,
    );
    const folders = findDotnetFolders(files, new Map([['DOTNET_ROOT', '/opt/net']]));
    expect(folders.map(({ path }) => path)).toEqual([
      '/usr/lib64/dotnet',
      '/opt/net',
      '/srv/net',
      '/usr/share/dotnet',
    ]);
  });

  test('leaves out what is incomplete or for another system, and says so', () => {
    const path = '/usr/share/dotnet/shared/Microsoft.NETCore.App';
    const image = {
      ...runtime({ core: ['8.0.4', '8.0.5', '8.0.6', '9.0.0'] }),
      [`${path}/8.0.5/libcoreclr.so`]: buildElf({ machine: 183 }),
      [`${path}/8.0.6/libcoreclr.so`]: buildElf(muslElf),
      [`${path}/not-a-version/x`]: '',
      [`${path}/10.0.0/libcoreclr.so`]: buildElf(),
      '/usr/share/dotnet/shared/Example.App/1.0.0/Example.App.deps.json': '{}',
      '/usr/share/dotnet/shared/Example.App/1.0.0/Example.App.runtimeconfig.json': '{',
    };
    const [folder] = findDotnetFolders(filesOfTree(treeOf(image), noContents), new Map());
    expect(folder?.frameworks.map(({ version }) => version.text)).toEqual([
      '1.0.0',
      '8.0.4',
      '9.0.0',
    ]);
    expect(folder?.unusable).toHaveLength(3);
    expect(folder?.hostfxr.text).toBe('9.0.0');
    expect(folder?.problems).toEqual([
      `${path}/8.0.5/libcoreclr.so is for arm64, wanted x64`,
      `${path}/8.0.6/libcoreclr.so is linked to musl, wanted glibc`,
      `${path}/10.0.0 has no Microsoft.NETCore.App.deps.json`,
    ]);
  });
});

describe('findApphostFolder', () => {
  const image = {
    ...runtime({ core: ['8.0.4'] }, { root: '/opt/x64' }),
    ...runtime({ core: ['9.0.1'] }, { root: '/opt/net' }),
    ...runtime({ core: ['10.0.1'] }, { root: '/on-path' }),
    ...runtime({ core: ['10.0.3'] }, { root: '/usr/lib/dotnet' }),
    '/empty/file': '',
  };

  type Env = Record<string, string>;

  test.each<[string, Env, string | undefined, string | undefined]>([
    ['DOTNET_ROOT before the usual', { DOTNET_ROOT: '/opt/net' }, undefined, '/opt/net'],
    [
      'DOTNET_ROOT_X64 before DOTNET_ROOT',
      { DOTNET_ROOT: '/opt/net', DOTNET_ROOT_X64: '/opt/x64' },
      undefined,
      '/opt/x64',
    ],
    ['what its project names before both', { DOTNET_ROOT: '/opt/net' }, '/opt/x64', '/opt/x64'],
    ['an empty one for none', { DOTNET_ROOT_X64: '' }, undefined, '/usr/lib/dotnet'],
    ['the next when one is not there', { DOTNET_ROOT: '/nowhere' }, undefined, '/usr/lib/dotnet'],
    ['none when that which is there has no .NET', { DOTNET_ROOT: '/empty' }, undefined, undefined],
    ['none when that is a file', { DOTNET_ROOT: '/empty/file' }, undefined, undefined],
    ['never what is on PATH', { PATH: '/on-path' }, undefined, '/usr/lib/dotnet'],
  ])('takes %s (DOTNET.md 2.6)', (_, env, own, wanted) => {
    const files = filesOfTree(treeOf(image), noContents);
    expect(findApphostFolder(files, new Map(Object.entries(env)), own)?.path).toBe(wanted);
  });

  test('takes what is registered before the usual, that for x64 first (DOTNET.md 2.6)', () => {
    const found = (locations: ImageFiles) =>
      findApphostFolder(
        filesOfTree(treeOf({ ...image, ...locations }), noContents),
        new Map(),
        undefined,
      )?.path;
    const both = { '/etc/dotnet/install_location': '/opt/net\n' };
    expect(found(both)).toBe('/opt/net');
    expect(found({ ...both, '/etc/dotnet/install_location_x64': '/opt/x64' })).toBe('/opt/x64');
    expect(found({ '/etc/dotnet/install_location': '/nowhere\n' })).toBeUndefined();
  });

  const [host] = findHostRuntimes(process.env);

  test.skipIf(host === undefined)('takes what a real apphost does (DOTNET.md 2.6)', () => {
    const empty = mkdtempSync(join(home, 'empty-'));
    const real = host?.path ?? '';
    const cases: readonly (readonly [Env, boolean])[] = [
      [{ DOTNET_ROOT: real }, true],
      [{ DOTNET_ROOT_X64: join(empty, 'nowhere'), DOTNET_ROOT: real }, true],
      [{ DOTNET_ROOT_X64: '', DOTNET_ROOT: real }, true],
      [{ DOTNET_ROOT_X64: empty, DOTNET_ROOT: real }, false],
      [{ DOTNET_ROOT: `${real}/dotnet` }, false],
    ];
    for (const [env, isFound] of cases) {
      const own = { ...env, DOTNET_ROLL_FORWARD: 'LatestMajor' };
      const { status } = spawnSync('fixtures/apps/console/publish/console', { env: own });
      expect([env, status === 0]).toEqual([env, isFound]);
      const ours = findApphostFolder(hostFiles, new Map(Object.entries(env)), undefined);
      expect([env, ours?.path]).toEqual([env, isFound ? real : undefined]);
    }
  });

  test('is that of an image that starts an apphost, and dotnet has its own only (DOTNET.md 2.6)', () => {
    const started = (...Cmd: string[]) => {
      const app = {
        ...image,
        ...managed('app', { frameworks: [core('8.0.0')] }),
        '/app/app': buildElf({ data: apphostData(0, 'app.dll') }),
      };
      const config = { Cmd, Env: ['PATH=/on-path', 'DOTNET_ROOT=/opt/x64'] };
      return choose(describeImage(app, config), image, 'image');
    };
    expect(started('/app/app')?.path).toBe('/opt/x64');
    expect(failureOf(() => started('dotnet', '/app/app.dll'))).toMatchObject({
      code: 'FRAMEWORK_NOT_FOUND',
      message: expect.stringMatching(/was not found; \/on-path in the image has 10\.0\.1$/),
    });
  });
});

describe('chooseRuntime', () => {
  test('needs none when the app brings its own', () => {
    const app = describeImage(published('hello-aot'), { Cmd: ['/app/hello-aot'] });
    expect(choose(app, {}, 'auto')).toBeUndefined();
  });

  test("takes the image's own where it fits", () => {
    const image = runtime(
      { core: ['8.0.4', '8.0.30'], aspnet: ['8.0.30'] },
      { root: '/usr/lib/dotnet' },
    );
    const app = describeImage(managed('app', { frameworks: [core('8.0.0'), aspnet('8.0.0')] }), {
      Cmd: ['dotnet', '/app/app.dll'],
    });
    expect(choose(app, image, 'auto')).toMatchObject({
      from: 'image',
      path: '/usr/lib/dotnet',
      root: '/usr/lib/dotnet',
      frameworks: [aspnet('8.0.30'), core('8.0.30')],
      parts: [
        'dotnet',
        'host/fxr/8.0.30',
        'shared/Microsoft.AspNetCore.App/8.0.30',
        'shared/Microsoft.NETCore.App/8.0.30',
      ],
    });
  });

  test("takes the host's where the image's is for Alpine or does not fit", () => {
    const host = writeFiles('host', runtime({ core: ['8.0.7'] }, { root: '/net' }));
    const hostEnv = { PATH: '/nowhere', DOTNET_ROOT: join(host, 'net') };
    for (const image of [
      runtime({ core: ['8.0.4'] }, { elf: muslElf }),
      runtime({ core: ['9.0.4'] }),
      {},
    ]) {
      expect(choose(asks('8.0.0'), image, 'auto', hostEnv)).toMatchObject({
        from: 'host',
        path: join(host, 'net'),
        root: '/usr/share/dotnet',
        frameworks: [core('8.0.7')],
      });
    }
    expect(choose(asks('8.0.0'), runtime({ core: ['8.0.4'] }), 'host', hostEnv)).toMatchObject({
      from: 'host',
    });
  });

  test('takes the folder or the other image it is given', () => {
    const folder = writeFiles('given', runtime({ core: ['8.0.9'] }, { root: '' }));
    expect(
      choose(asks('8.0.0'), runtime({ core: ['8.0.4'] }), {
        folder: requireDotnetFolder(folder, 'x64'),
      }),
    ).toMatchObject({
      from: 'folder',
      path: folder,
      frameworks: [core('8.0.9')],
    });
    const other = {
      tree: treeOf(runtime({ core: ['8.0.8'] }, { root: '/usr/lib/dotnet' })),
      contents: noContents,
    };
    expect(choose(asks('8.0.0'), {}, other)).toMatchObject({
      from: 'reference',
      path: '/usr/lib/dotnet',
      root: '/usr/share/dotnet',
      frameworks: [core('8.0.8')],
    });
  });

  test('says as much as the .NET host when the framework is not there', () => {
    const image = {
      ...runtime({ core: ['9.0.1', '10.0.2'] }),
      '/usr/share/dotnet/shared/Microsoft.NETCore.App/8.0.1/libcoreclr.so': buildElf(),
    };
    const error = failureOf(() => choose(asks('8.0.0'), image, 'image'));
    expect(error.code).toBe('FRAMEWORK_NOT_FOUND');
    expect(error.message).toBe(
      'finding a .NET runtime for /app/app.dll: the framework Microsoft.NETCore.App, version 8.0.0 (x64, roll forward Minor) was not found; ' +
        '/usr/share/dotnet in the image has 9.0.1, 10.0.2, ' +
        'but /usr/share/dotnet/shared/Microsoft.NETCore.App/8.0.1 has no Microsoft.NETCore.App.deps.json',
    );
    expect(error.hint).toContain('--env DOTNET_ROLL_FORWARD=Major');
    expect(error.hint).toContain('add --runtime mcr.microsoft.com/dotnet/runtime:8.0,');
    expect(error.hint).toContain('--runtime PATH');
    expect(error.hint).toContain(
      'framework=Microsoft.NETCore.App&framework_version=8.0.0&arch=x64&rid=linux-x64',
    );
    expect(
      choose(asks('8.0.0', ['DOTNET_ROLL_FORWARD=Major']), image, 'image')?.frameworks,
    ).toEqual([core('9.0.1')]);
  });

  test.each<[string, Record<string, unknown>, string]>([
    [
      'the runtime with ASP.NET Core when the app uses that',
      { frameworks: [core('8.0.0'), aspnet('8.0.0')] },
      'add --runtime mcr.microsoft.com/dotnet/aspnet:8.0, give',
    ],
    [
      'that very version when it may not roll forward',
      { frameworks: [core('8.0.3')], rollForward: 'Disable' },
      'add --runtime mcr.microsoft.com/dotnet/runtime:8.0.3, give',
    ],
    [
      'a folder or an image of its own for a framework of somebody else',
      { frameworks: [core('9.0.0'), { name: 'Example.App', version: '1.2.0' }] },
      'give a runtime that has Example.App 1.2.0 with --runtime PATH or --runtime REF',
    ],
  ])('hints at %s', (_, options, wanted) => {
    const app = describeImage(managed('app', options), { Cmd: ['dotnet', '/app/app.dll'] });
    const { code, hint } = failureOf(() => choose(app, runtime({ core: ['9.0.1'] }), 'image'));
    expect(code).toBe('FRAMEWORK_NOT_FOUND');
    expect(hint).toContain(wanted);
    expect(hint?.includes('mcr.microsoft.com')).toBe(!hint?.includes('Example.App'));
  });

  test('tells versions that contradict each other from versions that are not there', () => {
    const app = describeImage(managed('app', { frameworks: [core('9.0.0'), aspnet('8.0.0')] }), {
      Cmd: ['dotnet', '/app/app.dll'],
    });
    const image = runtime({ core: ['8.0.4', '9.0.1'], aspnet: ['8.0.4'] });
    const error = failureOf(() => choose(app, image, 'image'));
    expect(error.code).toBe('FRAMEWORK_CONFLICT');
    expect(error.message).toContain(
      'version 8.0.4 (roll forward LatestPatch), cannot roll forward to version 9.0.0',
    );
  });

  test('says that there is no .NET at all, or none in the folder given', () => {
    expect(failureOf(() => choose(asks('8.0.0'), {}, 'image'))).toMatchObject({
      code: 'RUNTIME_NOT_FOUND',
      message: expect.stringContaining('wanted Microsoft.NETCore.App 8.0.0 for linux-x64'),
    });
    expect(failureOf(() => requireDotnetFolder(home, 'x64'))).toMatchObject({
      code: 'RUNTIME_NOT_FOUND',
      message: expect.stringContaining(`reading the runtime at ${home}: found no .NET there`),
    });
  });

  test('does not take frameworks without the one that all stand on', () => {
    const path = '/usr/share/dotnet/shared/Example.App/1.0.0';
    const image = { ...runtime({ core: ['8.0.4'] }), [`${path}/Example.App.deps.json`]: '{}' };
    const app = describeImage(
      managed('app', { framework: { name: 'Example.App', version: '1.0.0' } }),
      {
        Cmd: ['dotnet', '/app/app.dll'],
      },
    );
    expect(failureOf(() => choose(app, image, 'image')).message).toContain('Microsoft.NETCore.App');
  });
});

const libraries = (...sonames: string[]): ImageFiles =>
  Object.fromEntries(
    sonames.map((soname) => [`/usr/lib/x86_64-linux-gnu/${soname}`, buildElf({ soname })]),
  );

describe('planLibraries', () => {
  const plan = (image: ImageFiles, host: ImageFiles, app = asks('8.0.0')) => {
    const tree = treeOf(image);
    const chosen = chooseRuntime(app, tree, noContents, { source: 'image', hostEnv: nothing });
    const files = filesOfTree(tree, noContents);
    return planLibraries(app, chosen, files, filesOfTree(treeOf(host), noContents));
  };
  const image = runtime({ core: ['8.0.4'] });

  test('adds nothing where the image has all, wherever its distribution keeps them', () => {
    const own = {
      ...image,
      '/usr/lib64/libstdc++.so.6': { link: 'libstdc++.so.6.0.30' },
      '/usr/lib64/libstdc++.so.6.0.30': buildElf(),
      '/lib64': { link: 'usr/lib64' },
      ...libraries('libgcc_s.so.1', 'libssl.so.3', 'libcrypto.so.3'),
    };
    expect(plan(own, libraries('libstdc++.so.6', 'libgcc_s.so.1'))).toEqual({
      added: [],
      missing: [],
      hasOpenssl: true,
    });
  });

  test("takes what the image lacks from the host, and what that needs, but never the kernel's", () => {
    const host = {
      ...libraries('libgcc_s.so.1', 'libssl.so.3', 'libz.so.1', 'libc.so.6'),
      '/usr/lib/x86_64-linux-gnu/libstdc++.so.6': buildElf({
        needed: ['libgcc_s.so.1', 'libm.so.6'],
      }),
      '/usr/lib/x86_64-linux-gnu/libcrypto.so.3': buildElf({ needed: ['libz.so.1', 'libc.so.6'] }),
    };
    const { added, missing } = plan(image, host);
    expect(added.map(({ soname, from, path }) => [soname, from, path])).toEqual(
      ['libcrypto.so.3', 'libgcc_s.so.1', 'libssl.so.3', 'libstdc++.so.6', 'libz.so.1'].map(
        (soname) => [soname, 'host', `/usr/lib/x86_64-linux-gnu/${soname}`],
      ),
    );
    expect(missing).toEqual([]);
  });

  test('finds what the image itself has in /usr/local/lib, which wins as for its own loader', () => {
    const own = {
      ...image,
      ...libraries('libgcc_s.so.1', 'libssl.so.3', 'libcrypto.so.3'),
      '/usr/local/lib/libstdc++.so.6': buildElf(),
    };
    expect(plan(own, libraries('libstdc++.so.6'))).toEqual({
      added: [],
      missing: [],
      hasOpenssl: true,
    });
  });

  test('fails for what a required library lacks though an optional one lacks it too', () => {
    const own = {
      ...image,
      '/app/libextra.so': buildElf({ needed: ['libnowhere.so.1'] }),
      ...libraries('libgcc_s.so.1', 'libssl.so.3', 'libcrypto.so.3'),
      '/usr/lib/x86_64-linux-gnu/libstdc++.so.6': buildElf({ needed: ['libnowhere.so.1'] }),
    };
    expect(failureOf(() => plan(own, {}))).toMatchObject({ code: 'LIBRARY_NOT_FOUND' });
  });

  test('passes over libraries for another machine or C library', () => {
    const host = {
      ...libraries('libgcc_s.so.1'),
      '/usr/lib/x86_64-linux-gnu/libstdc++.so.6': buildElf(muslElf),
      '/usr/lib64/libstdc++.so.6': buildElf({ machine: 3 }),
      '/usr/lib/libstdc++.so.6': buildElf(),
    };
    expect(plan(image, host).added).toContainEqual(
      expect.objectContaining({ soname: 'libstdc++.so.6', path: '/usr/lib/libstdc++.so.6' }),
    );
  });

  test('names the library, who needs it and its package when .NET cannot start', () => {
    const error = failureOf(() => plan(image, libraries('libgcc_s.so.1')));
    expect(error.code).toBe('LIBRARY_NOT_FOUND');
    expect(error.message).toBe(
      'collecting native libraries: /usr/share/dotnet/dotnet needs libstdc++.so.6, found neither in the image nor on this host, wanted one for x64 and glibc',
    );
    expect(error.hint).toBe('apt-get install libstdc++6, here or in the image');
    const app = describeImage(
      { '/app/app': singleFile(6, [], { needed: ['libodd.so.7'] }) },
      { Cmd: ['/app/app'] },
    );
    expect(
      failureOf(() => plan({ '/app/app': singleFile(6, [], { needed: ['libodd.so.7'] }) }, {}, app))
        .hint,
    ).toBe('install the package that has libodd.so.7, here or in the image');
  });

  test('tells what only some apps use and nobody has, and follows $ORIGIN', () => {
    const app = {
      ...image,
      '/app/libnative.so': buildElf({
        needed: ['libbeside.so', 'libgone.so.1'],
        runpath: '$ORIGIN/lib',
      }),
      '/app/lib/libbeside.so': buildElf({ needed: ['libz.so.1'] }),
    };
    const { added, missing, hasOpenssl } = plan(
      app,
      libraries('libstdc++.so.6', 'libgcc_s.so.1', 'libz.so.1'),
    );
    expect(added.map(({ soname }) => soname)).toEqual([
      'libgcc_s.so.1',
      'libstdc++.so.6',
      'libz.so.1',
    ]);
    expect(missing).toEqual([
      { soname: 'libgone.so.1', neededBy: '/app/libnative.so', required: false },
    ]);
    expect(hasOpenssl).toBe(false);
  });

  test.each([
    ['DOTNET_OPENSSL_VERSION_OVERRIDE=1.1', '1.1'],
    ['CLR_OPENSSL_VERSION_OVERRIDE=1.1', '1.1'],
    ['DOTNET_OPENSSL_VERSION_OVERRIDE=9.9', '3'],
    ['DOTNET_OPENSSL_VERSION_OVERRIDE=/../x', '3'],
  ])('takes with %s the OpenSSL of version %s (DOTNET.md 4.2)', (setting, version) => {
    const names = ['3', '1.1'].flatMap((one) => [`libssl.so.${one}`, `libcrypto.so.${one}`]);
    const host = libraries('libstdc++.so.6', 'libgcc_s.so.1', ...names);
    const { added } = plan(image, host, asks('8.0.0', [setting]));
    expect(added.map(({ soname }) => soname).filter((one) => /ssl|crypto/.test(one))).toEqual([
      `libcrypto.so.${version}`,
      `libssl.so.${version}`,
    ]);
  });

  test('goes on without GSSAPI, which .NET before 8 declares (DOTNET.md 4.1, 4.2)', () => {
    const name =
      '/usr/share/dotnet/shared/Microsoft.NETCore.App/8.0.4/libSystem.Net.Security.Native.so';
    const declaring = { ...image, [name]: buildElf({ needed: ['libgssapi_krb5.so.2'] }) };
    const soname = 'libgssapi_krb5.so.2';
    const usual = libraries('libstdc++.so.6', 'libgcc_s.so.1');
    expect(plan(declaring, usual).missing).toEqual([{ soname, neededBy: name, required: false }]);
    const { added, missing } = plan(declaring, { ...usual, ...libraries(soname) });
    expect([added.map((library) => library.soname), missing]).toEqual([
      ['libgcc_s.so.1', soname, 'libstdc++.so.6'],
      [],
    ]);
  });

  test('gives apps with their own runtime no OpenSSL of the host', () => {
    const app = describeImage({ '/app/app': singleFile(6, []) }, { Cmd: ['/app/app'] });
    const { added, hasOpenssl } = plan(
      { '/app/app': singleFile(6, []) },
      libraries('libssl.so.3', 'libcrypto.so.3'),
      app,
    );
    expect(added).toEqual([]);
    expect(hasOpenssl).toBe(false);
  });
});

async function listTar(tar: AsyncIterable<Uint8Array>) {
  const entries: Record<string, unknown>[] = [];
  const parser = new Parser({ strict: true });
  parser.on('entry', (entry) => {
    const { path, type, mode, uid, size, linkpath } = entry;
    entries.push({ path, type, mode, uid, size, time: entry.mtime?.getTime(), linkpath });
    entry.resume();
  });
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of tar) {
    hash.update(chunk);
    size += chunk.length;
    parser.write(Buffer.from(chunk));
  }
  parser.end();
  return { entries, size, digest: hash.digest('hex') };
}

describe('planPack and packTar', () => {
  const chosenAt = (path: string): ChosenRuntime | undefined =>
    choose(asks('8.0.0'), {}, { folder: requireDotnetFolder(path, 'x64') });

  test('change the key when a file changes that keeps its name, size and time', () => {
    const folder = writeFiles('pack-again', runtime({ core: ['8.0.9'] }, { root: '' }));
    const before = planPack(chosenAt(folder), []);
    const file = join(folder, 'shared/Microsoft.NETCore.App/8.0.9/System.Private.CoreLib.dll');
    writeFileSync(file, 'ZM');
    utimesSync(file, 1e9, 1e9);
    expect(planPack(chosenAt(folder), [])?.key).not.toBe(before?.key);
  });

  test('give two folders keys of their own, whose files may differ under the same name, size and time', () => {
    const files = runtime({ core: ['8.0.9'] }, { root: '' });
    const [first, second] = [writeFiles('pack-c', files), writeFiles('pack-d', files)];
    expect(planPack(chosenAt(first), [])?.key).not.toBe(planPack(chosenAt(second), [])?.key);
  });

  test('pack the same files of two hosts into the same bytes, sorted, root-owned and of no time', async () => {
    const files = {
      ...runtime({ core: ['8.0.9', '6.0.1'] }, { root: '' }),
      '/LICENSE.txt': 'not packed',
    };
    const [first, second] = [writeFiles('pack-a', files), writeFiles('pack-b', files)];
    utimesSync(join(second, 'dotnet'), 2e9, 2e9);
    const library = {
      soname: 'libz.so.1',
      from: 'host',
      files: hostFiles,
      path: join(first, 'host/fxr/8.0.9/libhostfxr.so'),
    } as const;
    const [a, b] = [planPack(chosenAt(first), [library]), planPack(chosenAt(second), [library])];
    if (a === undefined || b === undefined) {
      throw new Error('nothing to pack');
    }
    expect(a.key).not.toBe(b.key);
    expect(a.key).toBe(planPack(chosenAt(first), [library])?.key);
    const listed = await listTar(packTar(a));
    expect((await listTar(packTar(b))).digest).toBe(listed.digest);
    expect(listed.entries.map(({ path }) => path)).toEqual([
      'usr/',
      'usr/bin/',
      'usr/bin/dotnet',
      'usr/lib/',
      'usr/lib/libz.so.1',
      'usr/share/',
      'usr/share/dotnet/',
      'usr/share/dotnet/dotnet',
      'usr/share/dotnet/host/',
      'usr/share/dotnet/host/fxr/',
      'usr/share/dotnet/host/fxr/8.0.9/',
      'usr/share/dotnet/host/fxr/8.0.9/libhostfxr.so',
      'usr/share/dotnet/shared/',
      'usr/share/dotnet/shared/Microsoft.NETCore.App/',
      'usr/share/dotnet/shared/Microsoft.NETCore.App/8.0.9/',
      ...[
        'Microsoft.NETCore.App.deps.json',
        'System.Private.CoreLib.dll',
        'libcoreclr.so',
        'libhostpolicy.so',
      ].map((name) => `usr/share/dotnet/shared/Microsoft.NETCore.App/8.0.9/${name}`),
    ]);
    expect(listed.entries).toContainEqual(
      expect.objectContaining({
        path: 'usr/bin/dotnet',
        type: 'SymbolicLink',
        linkpath: '/usr/share/dotnet/dotnet',
        mode: 0o777,
      }),
    );
    expect(listed.entries).toContainEqual(
      expect.objectContaining({
        path: 'usr/share/dotnet/dotnet',
        type: 'File',
        mode: 0o755,
        uid: 0,
        time: 0,
      }),
    );
    expect(listed.entries).toContainEqual(
      expect.objectContaining({
        path: 'usr/share/dotnet/host/fxr/8.0.9/libhostfxr.so',
        mode: 0o644,
      }),
    );
  });

  test('are nothing when nothing comes from the host', () => {
    const chosen = choose(asks('8.0.0'), runtime({ core: ['8.0.4'] }), 'image');
    expect(planPack(chosen, [])).toBeUndefined();
    expect(planPack(undefined, [])).toBeUndefined();
  });

  test('stop when a file changes its size meanwhile or is gone', async () => {
    const root = writeFiles('changing', runtime({ core: ['8.0.9'] }, { root: '' }));
    const chosen = chosenAt(root);
    const plan = planPack(chosen, []);
    if (plan === undefined) {
      throw new Error('nothing to pack');
    }
    const file = join(root, 'shared/Microsoft.NETCore.App/8.0.9/System.Private.CoreLib.dll');
    writeFileSync(file, 'MZ and more');
    await expect(listTar(packTar(plan))).rejects.toMatchObject({
      code: 'RUNTIME_NOT_FOUND',
      message: expect.stringContaining('had 2 bytes'),
    });
    writeFileSync(file, '');
    await expect(listTar(packTar(plan))).rejects.toMatchObject({ code: 'RUNTIME_NOT_FOUND' });
    rmSync(join(root, 'dotnet'));
    expect(failureOf(() => planPack(chosen, []))).toMatchObject({ code: 'RUNTIME_NOT_FOUND' });
  });

  test('stop when told to', async () => {
    const plan = planPack(
      chosenAt(writeFiles('stopped', runtime({ core: ['8.0.9'] }, { root: '' }))),
      [],
    );
    if (plan === undefined) {
      throw new Error('nothing to pack');
    }
    await expect(listTar(packTar(plan, { signal: AbortSignal.abort() }))).rejects.toThrow(/abort/i);
  });
});

const real = findHostRuntimes(process.env).find(({ frameworks }) =>
  frameworks.some(
    ({ name, version }) => name.startsWith('Microsoft.AspNetCore') && version.major === 10,
  ),
);
const reason = real === undefined ? ' (left out: no ASP.NET Core 10 is installed here)' : '';

describe.skipIf(real === undefined)(`the .NET of this machine${reason}`, () => {
  test('serves a real ASP.NET Core app and is packed with its libraries', async () => {
    const image = published('web');
    const app = describeImage(image, { Entrypoint: ['dotnet', 'web.dll'], WorkingDir: '/app' });
    const tree = treeOf(image);
    const chosen = chooseRuntime(app, tree, noContents, { source: 'auto', hostEnv: process.env });
    expect(chosen).toMatchObject({ from: 'host', path: real?.path, root: '/usr/share/dotnet' });
    expect(chosen?.frameworks.map(({ name }) => name)).toEqual([
      'Microsoft.AspNetCore.App',
      'Microsoft.NETCore.App',
    ]);
    const { added, missing } = planLibraries(app, chosen, filesOfTree(tree, noContents));
    expect(added.map(({ soname }) => soname)).toEqual(
      expect.arrayContaining(['libgcc_s.so.1', 'libstdc++.so.6']),
    );
    expect(missing).toEqual([]);
    const plan = planPack(chosen, added);
    if (plan === undefined) {
      throw new Error('nothing to pack');
    }
    const listed = await listTar(packTar(plan));
    expect(listed.entries).toHaveLength(plan.entries.length);
    expect(listed.size).toBeGreaterThan(plan.size);
    expect(plan.size).toBeGreaterThan(50e6);
  });
});

describe('runtimeconfig', () => {
  const described = (properties: Record<string, string>, dev: Record<string, string> = {}) =>
    describeImage(
      {
        ...managed('app', { framework: core('8.0.0'), configProperties: properties }),
        '/app/app.runtimeconfig.dev.json': runtimeconfig({ configProperties: dev }),
      },
      { Cmd: ['dotnet', '/app/app.dll'] },
    );

  const ofHost = [
    'APP_CONTEXT_BASE_DIRECTORY',
    'APP_CONTEXT_DEPS_FILES',
    'FX_DEPS_FILE',
    'NATIVE_DLL_SEARCH_DIRECTORIES',
    'PLATFORM_RESOURCE_ROOTS',
    'PROBING_DIRECTORIES',
    'TRUSTED_PLATFORM_ASSEMBLIES',
  ];
  const [host] = findHostRuntimes(process.env);

  test.skipIf(host === undefined)(
    'makes the host itself end with code 161 when it sets what that does (DOTNET.md 2.1, 2.8)',
    () => {
      const app = join(home, 'duplicate-property');
      cpSync('fixtures/apps/console/publish', app, { recursive: true });
      const codeWith = (property: string): number | null => {
        const options = {
          framework: core('10.0.0'),
          rollForward: 'LatestMajor',
          configProperties: { 'System.Globalization.Invariant': true, [property]: 'x' },
        };
        writeFileSync(join(app, 'console.runtimeconfig.json'), runtimeconfig(options));
        return spawnSync(`${host?.path}/dotnet`, [join(app, 'console.dll')]).status;
      };
      expect(ofHost.map(codeWith)).toEqual(ofHost.map(() => 161));
      expect(codeWith('TRUSTED_PLATFORM_ASSEMBLIES_X')).toBe(0);
    },
  );

  test.each(ofHost)(
    'is refused when it sets %s, which the host does itself (DOTNET.md 2.1)',
    (name) => {
      for (const both of [[{ [name]: 'x' }], [{}, { [name]: 'x' }]] as const) {
        expect(failureOf(() => described(both[0], both[1]))).toMatchObject({
          code: 'RUNTIMECONFIG_INVALID',
          message: expect.stringContaining(
            `found the property ${name}, which the host sets itself`,
          ),
        });
      }
    },
  );

  test('may set what only begins like a property of the host (DOTNET.md 2.1)', () => {
    const names = ['TRUSTED_PLATFORM_ASSEMBLIES_X', 'probing_directories'];
    const { properties } = described(Object.fromEntries(names.map((name) => [name, 'x'])));
    expect([...(properties?.keys() ?? [])]).toEqual(names);
  });

  const given = (files: ImageFiles, ...options: string[]) =>
    describeImage(
      { ...managed('app', { framework: core('8.0.0') }), ...files },
      { Cmd: ['dotnet', 'exec', ...options, '/app/app.dll'], WorkingDir: '/app' },
    );

  test.each(['--runtimeconfig', '--depsfile'])(
    'of another place, or a deps.json, must be there when %s names it',
    (option) => {
      expect(failureOf(() => given({}, option, 'other.json'))).toMatchObject({
        code: 'APP_INVALID',
        message: `reading the app: ${option} names /app/other.json, found no such file`,
        hint: `put the file into the image, or leave ${option} away`,
      });
    },
  );

  test('is read from where --runtimeconfig says', () => {
    const other = { '/app/other.json': runtimeconfig({ framework: core('9.0.0') }) };
    expect(given(other, '--runtimeconfig', 'other.json').frameworks).toMatchObject([core('9.0.0')]);
  });
});

describe('hostile runtimeconfig', () => {
  const refused = (text: string) =>
    failureOf(() =>
      describeImage(
        { '/app/app.dll': 'MZ', '/app/app.runtimeconfig.json': text },
        { Cmd: ['dotnet', '/app/app.dll'] },
      ),
    );

  test.each([
    ['comments', '/*'],
    ['texts', '"\\'],
  ])('is refused at once though millions of %s begin in it and none ends', (_, start) => {
    expect(refused(`{${start.repeat(2 << 20)}`)).toMatchObject({ code: 'RUNTIMECONFIG_INVALID' });
  });

  test('is refused at once though it asks for a quarter of a million frameworks', () => {
    const frameworks = Array.from({ length: 250_000 }, (_, at) => ({
      name: `F${at}`,
      version: '1.0.0',
    }));
    const { code, message } = refused(runtimeconfig({ frameworks }));
    expect(code).toBe('RUNTIMECONFIG_INVALID');
    expect(message.length).toBeLessThan(1000);
  });
});

describe('runtimeconfig of a framework', () => {
  test('is obeyed: what it asks for is chosen too', () => {
    const path = '/usr/share/dotnet/shared/Example.App/1.0.0';
    const image = {
      ...runtime({ core: ['8.0.4'] }),
      [`${path}/Example.App.deps.json`]: '{}',
      [`${path}/Example.App.runtimeconfig.json`]: runtimeconfig({ framework: core('8.0.0') }),
    };
    const app = describeImage(
      managed('app', { framework: { name: 'Example.App', version: '1.0.0' } }),
      {
        Cmd: ['dotnet', '/app/app.dll'],
      },
    );
    expect(choose(app, image, 'image')?.frameworks).toEqual([
      { name: 'Example.App', version: '1.0.0' },
      core('8.0.4'),
    ]);
  });
});
