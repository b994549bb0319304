import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { describeApp } from '../../../src/dotnet/describe.ts';
import { launchOf } from '../../../src/dotnet/launch.ts';
import { ConvertError, type ErrorCode } from '../../../src/error.ts';
import type { ExecutionConfig } from '../../../src/oci/config.ts';
import { buildElf } from '../elf/elf-builder.ts';
import {
  apphostData,
  aspnet,
  configOf,
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

const dotnetLink: ImageFiles = { '/usr/bin/dotnet': { link: '/usr/share/dotnet/dotnet' } };

function failureOf(call: () => unknown): { code: ErrorCode; message: string } {
  try {
    call();
  } catch (error) {
    if (error instanceof ConvertError) {
      return { code: error.code, message: error.message };
    }
    throw error;
  }
  throw new Error('nothing failed');
}

const failure = (files: ImageFiles, config: Partial<ExecutionConfig>) =>
  failureOf(() => describeImage(files, config));

describe('describeApp', () => {
  test('reads what `dotnet publish /t:PublishContainer` makes of a real console app', () => {
    const image = { ...runtime({ core: ['10.0.12'] }), ...dotnetLink, ...published('console') };
    const app = describeImage(image, {
      Entrypoint: ['dotnet', 'console.dll'],
      Cmd: ['--name', 'x y'],
      WorkingDir: '/app',
      Env: ['PATH=/usr/bin', 'A=1', 'A=2', 'B'],
    });
    expect(app).toMatchObject({
      kind: 'framework-dependent',
      needsRuntime: true,
      launcher: 'muxer',
      executable: '/usr/share/dotnet/dotnet',
      assembly: '/app/console.dll',
      hostOptions: [],
      args: ['--name', 'x y'],
      workingDirectory: '/app',
      version: '10.0',
      aspnet: false,
      invariantGlobalization: true,
      frameworks: [
        {
          name: 'Microsoft.NETCore.App',
          version: '10.0.0',
          rollForward: 'Minor',
          applyPatches: true,
          preferRelease: true,
        },
      ],
    });
    expect([...app.env]).toEqual([
      ['PATH', '/usr/bin'],
      ['A', '2'],
      ['B', ''],
    ]);
    expect(app.evidence).toContain('the entry assembly is /app/console.dll');
    expect(launchOf(app, '/usr/share/dotnet')).toEqual({
      program: '/usr/share/dotnet/dotnet',
      args: ['/app/console.dll', '--name', 'x y'],
      env: {},
    });
  });

  test('reads a real ASP.NET Core app behind its apphost, and starts it with dotnet', () => {
    const app = describeImage(published('web'), {
      Entrypoint: ['./web'],
      WorkingDir: '/app',
      Cmd: ['--roll-forward', 'Major', 'x'],
    });
    expect(app).toMatchObject({
      kind: 'framework-dependent',
      launcher: 'apphost',
      executable: '/app/web',
      assembly: '/app/web.dll',
      hostOptions: ['--roll-forward', 'Major'],
      args: ['x'],
      aspnet: true,
      frameworks: [
        { name: 'Microsoft.NETCore.App', rollForward: 'Major' },
        { name: 'Microsoft.AspNetCore.App', rollForward: 'Major' },
      ],
    });
    expect(launchOf(app, '/usr/lib/dotnet')).toEqual({
      program: '/usr/lib/dotnet/dotnet',
      args: ['--roll-forward', 'Major', '/app/web.dll', 'x'],
      env: {},
    });
  });

  test('reads a real single file that needs a runtime', () => {
    const app = describeImage(published('console-singlefile'), {
      Entrypoint: ['/app/console', 'a'],
    });
    expect(app).toMatchObject({
      kind: 'single-file',
      needsRuntime: true,
      launcher: 'native',
      executable: '/app/console',
      args: ['a'],
      workingDirectory: '/',
      bundle: { majorVersion: 6, extracted: [] },
      frameworks: [{ name: 'Microsoft.NETCore.App', version: '10.0.0' }],
    });
    expect(app.assembly).toBeUndefined();
    expect(launchOf(app, '/usr/lib/dotnet')).toEqual({
      program: '/app/console',
      args: ['a'],
      env: { DOTNET_ROOT: '/usr/lib/dotnet' },
    });
  });

  test("lets no DOTNET_ROOT of the image's lead a single file away from the runtime it was built with", () => {
    const Env = ['DOTNET_ROOT=/opt/old', 'DOTNET_ROOT_X64=/opt/older'];
    const app = describeImage(published('console-singlefile'), { Cmd: ['/app/console'], Env });
    expect(launchOf(app, '/usr/share/dotnet').env).toEqual({
      DOTNET_ROOT: '/usr/share/dotnet',
      DOTNET_ROOT_X64: '/usr/share/dotnet',
    });
  });

  test('reads a real Native AOT program through a link and PATH', () => {
    const image = { ...published('hello-aot'), '/usr/bin/hello': { link: '../../app/hello-aot' } };
    const app = describeImage(image, { Cmd: ['hello', 'x'] });
    expect(app).toMatchObject({
      kind: 'native-aot',
      needsRuntime: false,
      launcher: 'native',
      executable: '/app/hello-aot',
      args: ['x'],
      frameworks: [],
    });
    expect(launchOf(app, undefined)).toEqual({ program: '/app/hello-aot', args: ['x'], env: {} });
  });

  test('tells by its code whether a Native AOT program looks for libicu', () => {
    const sections = ['__managedcode', '.dotnet_eh_table'];
    const data = Buffer.alloc(2 << 20);
    data.write('libicuuc.so', (1 << 20) - 5);
    const describe = (binary: Uint8Array) =>
      describeImage({ '/app/x': binary }, { Cmd: ['/app/x'] }).invariantGlobalization;
    // Somewhere among these the name lies across the seam of two reads.
    for (let shift = 0; shift < 2048; shift += 8) {
      expect(describe(buildElf({ sections, data: data.subarray(shift) }))).toBe(false);
    }
    expect(describe(buildElf({ sections, data: new Uint8Array(99) }))).toBe(true);
    expect(describeImage(published('hello-aot'), { Cmd: ['/app/hello-aot'] })).toMatchObject({
      invariantGlobalization: true,
    });
  });

  test('knows an app by `dotnet` even where the image has none', () => {
    const app = describeImage(published('console'), { Entrypoint: ['dotnet', '/app/console.dll'] });
    expect(app).toMatchObject({
      kind: 'framework-dependent',
      executable: '/usr/share/dotnet/dotnet',
    });
    expect(app.evidence).toContain('the image has no dotnet of its own');
  });

  test('keeps host options apart from the app and asks `exec` for those that want it', () => {
    const image = {
      ...managed('app', {}),
      '/etc/app.json': runtimeconfig({ framework: core('8.0.0') }),
    };
    const app = describeImage(image, {
      Entrypoint: [
        'dotnet',
        'EXEC',
        '--runtimeconfig',
        '/etc/app.json',
        '--fx-version',
        '8.0.4',
        'app.dll',
        '--urls',
      ],
      WorkingDir: '/app',
    });
    expect(app.frameworks).toMatchObject([{ version: '8.0.4', rollForward: 'Disable' }]);
    expect(launchOf(app, '/usr/share/dotnet').args).toEqual([
      'exec',
      '--runtimeconfig',
      '/etc/app.json',
      '--fx-version',
      '8.0.4',
      '/app/app.dll',
      '--urls',
    ]);
  });

  test('finds a self-contained folder behind its apphost', () => {
    const app = describeImage(selfContained(), { Entrypoint: ['/app/app'] });
    expect(app).toMatchObject({
      kind: 'self-contained',
      needsRuntime: false,
      launcher: 'apphost',
      executable: '/app/app',
      assembly: '/app/app.dll',
      version: '10.0.3',
      aspnet: true,
    });
    expect(launchOf(app, undefined)).toEqual({ program: '/app/app', args: [], env: {} });
  });

  test('finds a self-contained folder started by dotnet', () => {
    const image = { ...selfContained(), ...runtime({ core: ['10.0.3'] }) };
    const app = describeImage(image, { Entrypoint: ['/usr/share/dotnet/dotnet', '/app/app.dll'] });
    expect(app).toMatchObject({ kind: 'self-contained', launcher: 'muxer' });
    expect(launchOf(app, undefined)).toMatchObject({
      program: '/usr/share/dotnet/dotnet',
      args: ['/app/app.dll'],
    });
  });

  test.each([1, 2, 6] as const)('reads a bundle of version %i', (major) => {
    const types = major === 1 ? { dll: 0, config: 3 } : { dll: 1, config: 4 };
    const config = runtimeconfig({
      tfm: 'net8.0',
      includedFrameworks: [core('8.0.30'), aspnet('8.0.30')],
    });
    const bytes = singleFile(major, [
      { path: 'app.dll', type: types.dll, bytes: 'MZ' },
      { path: 'app.runtimeconfig.json', type: types.config, bytes: config },
    ]);
    expect(describeImage({ '/app/app': bytes }, { Entrypoint: ['/app/app'] })).toMatchObject({
      kind: 'single-file',
      needsRuntime: false,
      version: '8.0.30',
      aspnet: true,
      bundle: {
        id: 'Ab1_-=',
        majorVersion: major,
        extracted: { length: major === 1 ? 2 : 0 },
      },
    });
  });

  test('says that a bundle extracts when native files are in it', () => {
    const bytes = singleFile(6, [{ path: 'libsqlite.so', type: 2, bytes: 'ELF' }]);
    const app = describeImage({ '/app/app': bytes }, { Entrypoint: ['/app/app'] });
    expect(app.bundle?.extracted).toHaveLength(1);
  });

  test('reads a runtimeconfig with byte order mark and comments', () => {
    const config = `\ufeff// made by hand\n${runtimeconfig({ framework: core('8.0.0'), configProperties: { url: 'http://x//y', n: 1 } })} /* end */`;
    const image = { '/app/app.dll': 'MZ', '/app/app.runtimeconfig.json': config };
    expect(describeImage(image, { Cmd: ['dotnet', '/app/app.dll'] }).frameworks).toMatchObject([
      { version: '8.0.0' },
    ]);
  });

  test.each([
    [['/bin/sh', '-c', 'dotnet app.dll'], []],
    [
      ['sh', '-c', 'exec dotnet app.dll --urls http://+:80'],
      ['--urls', 'http://+:80'],
    ],
    [['/sbin/tini', '--', 'dotnet', 'app.dll', 'x'], ['x']],
    [
      ['tini', '-g', 'dotnet', 'app.dll', '--', 'x'],
      ['--', 'x'],
    ],
    [['tini', '-p', 'SIGTERM', '--', 'dotnet', 'app.dll'], []],
    [['dumb-init', '/bin/bash', '-c', ' exec  dotnet app.dll '], []],
  ])('takes the wrapper off %j', (Entrypoint, args) => {
    const image = managed('app', { framework: core('8.0.0') });
    expect(describeImage(image, { Entrypoint, WorkingDir: '/app' })).toMatchObject({
      assembly: '/app/app.dll',
      args,
    });
  });

  test.each<[string, readonly string[], string]>([
    [
      'several commands',
      ['/bin/sh', '-c', 'migrate && dotnet app.dll'],
      'migrate && dotnet app.dll',
    ],
    ['two lines', ['/bin/sh', '-c', 'dotnet app.dll\nmore'], 'dotnet app.dll'],
    ['a variable', ['sh', '-c', 'dotnet app.dll --urls http://*:$PORT'], '$PORT'],
    ['an assignment', ['sh', '-c', 'A=1 dotnet app.dll'], 'A=1'],
    ['quotes', ['bash', '-c', 'dotnet "my app.dll"'], 'my app.dll'],
    ['an empty script', ['bash', '-c', ''], ''],
    ['a shell', ['/bin/bash'], 'starts a shell'],
    ['a script of its own', ['/entrypoint.sh'], 'exec dotnet /app/app.dll'],
  ])('refuses an entry point with %s', (_, Entrypoint, shown) => {
    const image = {
      ...managed('app', { framework: core('8.0.0') }),
      '/bin/busybox': buildElf(),
      '/bin/bash': { link: 'busybox' },
      '/entrypoint.sh': '#!/bin/sh\n# start\n\nexec dotnet /app/app.dll\n',
    };
    const { code, message } = failure(image, { Entrypoint, WorkingDir: '/app' });
    expect(code).toBe('SHELL_ENTRYPOINT');
    expect(message).toContain(shown);
  });

  test.each<[string, Partial<ExecutionConfig>, string]>([
    ['no entry point', {}, 'neither Entrypoint nor Cmd'],
    ['a program that is not there', { Cmd: ['serve'] }, '"serve"'],
    ['dotnet alone', { Cmd: ['dotnet'] }, 'dotnet is given no app'],
    [
      'dotnet --info, as base images have it',
      { Entrypoint: ['/usr/bin/dotnet'], Cmd: ['--info'] },
      '"--info" is a command',
    ],
    ['an SDK command', { Cmd: ['dotnet', 'run'] }, '"run" is a command of the .NET SDK'],
    [
      'an assembly that is not there',
      { Cmd: ['dotnet', 'web.dll'], WorkingDir: '/srv' },
      '/srv/web.dll',
    ],
    ['a program that is not .NET', { Cmd: ['/usr/sbin/nginx'] }, 'without the marks of .NET'],
    ['a file that is no program', { Cmd: ['/app/app.runtimeconfig.json'] }, 'no ELF program'],
  ])('names the apps that are there when the image starts %s', (_, config, shown) => {
    const image = {
      ...managed('app', { framework: core('8.0.0') }),
      ...runtime({ core: ['8.0.4'], aspnet: ['8.0.4'] }),
      '/usr/sbin/nginx': buildElf({ needed: ['libc.so.6'] }),
    };
    const { code, message } = failure(image, config);
    expect(code).toBe('APP_NOT_FOUND');
    expect(message).toContain(shown);
    if (config.Cmd !== undefined) {
      expect(message).toMatch(/the image has \/app\/app\.runtimeconfig\.json$/);
    }
  });

  test.each<[string, ImageFiles, readonly string[], string]>([
    [
      'an app for arm64',
      {
        '/app/app': buildElf({ machine: 183, data: apphostData(0, 'app.dll') }),
        '/app/app.dll': 'MZ',
        ...ownRuntime(),
      },
      ['/app/app'],
      'for arm64, wanted x64',
    ],
    [
      'an apphost without a name',
      {
        '/app/app': buildElf({
          data: Buffer.concat([
            apphostData(0, 'x'),
            Buffer.from('c3ab8ff13720e8ad9047dd39466b3c8974e592c2fa383d4a3960714caef0c4f2'),
          ]),
        }),
      },
      ['/app/app'],
      'never bound',
    ],
    [
      'an apphost without its assembly',
      { '/app/app': buildElf({ data: apphostData(0, 'gone.dll') }) },
      ['/app/app'],
      'gone.dll',
    ],
    [
      'an assembly without its runtimeconfig',
      { '/app/app.dll': 'MZ' },
      ['dotnet', '/app/app.dll'],
      'there is no /app/app.runtimeconfig.json',
    ],
    [
      'a self-contained app without its runtime',
      managed('app', { includedFrameworks: [core('8.0.0')] }),
      ['dotnet', '/app/app.dll'],
      'no libhostpolicy.so',
    ],
    [
      'a self-contained app and no dotnet that it is started with',
      selfContained(),
      ['dotnet', '/app/app.dll'],
      'no dotnet to start it',
    ],
    [
      'a self-contained app for Alpine',
      { ...selfContained(), '/app/libcoreclr.so': buildElf(muslElf) },
      ['/app/app'],
      'linked to musl, wanted glibc',
    ],
    [
      'a Native AOT program for Alpine',
      { '/app/app': buildElf({ ...muslElf, sections: ['__managedcode', '.hydrated'] }) },
      ['/app/app'],
      'linked to musl',
    ],
    [
      'a single file for Alpine',
      { '/app/app': singleFile(6, [], muslElf) },
      ['/app/app'],
      'linked to musl',
    ],
    [
      'a bundle of another version',
      { '/app/app': singleFile(7, []) },
      ['/app/app'],
      'bundle version 7',
    ],
    [
      'a bundle cut off',
      { '/app/app': buildElf({ data: apphostData(1 << 30, 'x') }) },
      ['/app/app'],
      'outside the file',
    ],
    [
      'a bundled file outside the app',
      { '/app/app': singleFile(6, [{ path: '../../etc/passwd', type: 2, bytes: 'x' }]) },
      ['/app/app'],
      'lies outside the app',
    ],
    [
      'a damaged program',
      { '/app/app': buildElf().subarray(0, 200) },
      ['/app/app'],
      'ELF file is damaged',
    ],
    ['a Windows program', { '/app/app.exe': 'MZ and so on' }, ['/app/app.exe'], 'Windows program'],
  ])('refuses %s', (_, image, Cmd, shown) => {
    const { code, message } = failure(image, { Cmd });
    expect(code).toBe('APP_INVALID');
    expect(message).toContain(shown);
  });

  test.each<[string, string]>([
    ['that is no JSON', '{'],
    ['without runtimeOptions', '{}'],
    ['with a list of frameworks that is none', runtimeconfig({ frameworks: core('8.0.0') })],
    ['with a framework without version', runtimeconfig({ framework: { name: 'A' } })],
    [
      'with a name that climbs',
      runtimeconfig({ framework: { name: '../../etc', version: '1.0.0' } }),
    ],
    ['with a version that is none', runtimeconfig({ framework: core('latest') })],
    ['without any framework', runtimeconfig({ frameworks: [] })],
    [
      'with applyPatches of another kind',
      runtimeconfig({ framework: { ...core('8.0.0'), applyPatches: 'yes' } }),
    ],
    [
      'with a legacy setting out of range',
      runtimeconfig({ framework: { ...core('8.0.0'), rollForwardOnNoCandidateFx: 3 } }),
    ],
  ])('names the file when the runtimeconfig is one %s', (_, config) => {
    const image = { '/app/app.dll': 'MZ', '/app/app.runtimeconfig.json': config };
    const { code, message } = failure(image, { Cmd: ['dotnet', '/app/app.dll'] });
    expect(code).toBe('RUNTIMECONFIG_INVALID');
    expect(message).toMatch(/^reading \/app\/app\.runtimeconfig\.json: /);
  });

  test('names the variable when it holds what the host refuses', () => {
    const image = managed('app', { framework: core('8.0.0') });
    expect(
      failure(image, { Cmd: ['dotnet', '/app/app.dll'], Env: ['DOTNET_ROLL_FORWARD=Sideways'] }),
    ).toMatchObject({
      code: 'RUNTIMECONFIG_INVALID',
      message: expect.stringContaining('DOTNET_ROLL_FORWARD="Sideways"'),
    });
  });

  test('runs the assembly when only the apphost is for Alpine', () => {
    const image = {
      ...managed('app', { framework: core('8.0.0') }),
      '/app/app': buildElf({ ...muslElf, data: apphostData(0, 'app.dll') }),
    };
    const app = describeImage(image, { Entrypoint: ['/app/app'] });
    expect(app.evidence.at(-1)).toContain('musl');
    expect(launchOf(app, '/usr/share/dotnet').args).toEqual(['/app/app.dll']);
  });

  test('ends in an app or an error of its own for any change to a bundle', () => {
    const sample = singleFile(6, [
      { path: 'app.dll', type: 1, bytes: 'MZ' },
      {
        path: 'app.runtimeconfig.json',
        type: 4,
        bytes: runtimeconfig({ framework: core('8.0.0') }),
      },
    ]);
    const config = configOf({ Entrypoint: ['/app/app'] });
    const changes = fc.array(fc.tuple(fc.nat(sample.length - 1), fc.nat(255)), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(changes, fc.option(fc.nat(sample.length)), (bytes, end) => {
        const changed = Uint8Array.from(sample);
        for (const [at, value] of bytes) {
          changed[at] = value;
        }
        const tree = treeOf({ '/app/app': end === null ? changed : changed.subarray(0, end) });
        try {
          describeApp(tree, noContents, config);
        } catch (error) {
          expect(error).toBeInstanceOf(ConvertError);
        }
      }),
      { numRuns: 1500, seed: 7 },
    );
  });
});

function ownRuntime(): ImageFiles {
  return Object.fromEntries(
    ['libhostfxr.so', 'libhostpolicy.so', 'libcoreclr.so'].map((name) => [
      `/app/${name}`,
      buildElf(),
    ]),
  );
}

function selfContained(): ImageFiles {
  return {
    ...managed('app', { tfm: 'net10.0', includedFrameworks: [core('10.0.3'), aspnet('10.0.3')] }),
    ...ownRuntime(),
    '/app/app': buildElf({ data: apphostData(0, 'app.dll') }),
  };
}
