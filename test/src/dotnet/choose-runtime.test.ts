import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { requireDotnetFolder } from '../../../src/dotnet/choose.ts';
import { buildElf } from '../elf/elf-builder.ts';
import { asks, choose, home, writeFiles } from './host-runtimes.ts';
import {
  aspnet,
  core,
  describeImage,
  failureOf,
  managed,
  muslElf,
  noContents,
  published,
  runtime,
  treeOf,
} from './image-builder.ts';

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
