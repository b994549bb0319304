import { describe, expect, test } from 'vitest';
import { launchOf } from '../../../src/dotnet/launch.ts';
import { buildElf } from '../elf/elf-builder.ts';
import {
  aspnet,
  core,
  describeImage,
  type ImageFiles,
  managed,
  published,
  runtime,
  runtimeconfig,
  selfContained,
  singleFile,
} from './image-builder.ts';

const dotnetLink: ImageFiles = { '/usr/bin/dotnet': { link: '/usr/share/dotnet/dotnet' } };

describe('describeApp (DOTNET.md 1.1 to 1.3, 1.6)', () => {
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

  test.each([2, 6] as const)(
    'says that a bundle of version %i extracts all when its flag is set',
    (major) => {
      const parts = [{ path: 'app.dll', type: 1, bytes: 'MZ' }];
      const described = (flags: number) =>
        describeImage({ '/app/app': singleFile(major, parts, {}, flags) }, { Cmd: ['/app/app'] });
      expect(described(1).bundle?.extracted).toHaveLength(1);
      expect(described(2).bundle?.extracted).toHaveLength(0);
    },
  );

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
});
