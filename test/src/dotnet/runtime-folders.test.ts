import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { filesOfTree } from '../../../src/dotnet/files.ts';
import { hostFiles } from '../../../src/dotnet/host-files.ts';
import {
  findApphostFolder,
  findDotnetFolders,
  findHostRuntimes,
} from '../../../src/dotnet/runtimes.ts';
import { buildElf } from '../elf/elf-builder.ts';
import { choose, home } from './host-runtimes.ts';
import {
  apphostData,
  core,
  describeImage,
  failureOf,
  type ImageFiles,
  managed,
  muslElf,
  noContents,
  runtime,
  treeOf,
} from './image-builder.ts';

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
