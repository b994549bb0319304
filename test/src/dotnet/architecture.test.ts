import { describe, expect, test } from 'vitest';
import { chooseRuntime } from '../../../src/dotnet/choose.ts';
import { findLibrary } from '../../../src/dotnet/closure.ts';
import { describeApp } from '../../../src/dotnet/describe.ts';
import { filesOfTree } from '../../../src/dotnet/files.ts';
import { launchOf } from '../../../src/dotnet/launch.ts';
import { planLibraries } from '../../../src/dotnet/libraries.ts';
import { isMuslSystem } from '../../../src/dotnet/musl.ts';
import { muslNatives } from '../../../src/dotnet/musl-natives.ts';
import { findApphostFolder } from '../../../src/dotnet/runtimes.ts';
import { isOtherRid } from '../../../src/dotnet/unused.ts';
import { machines } from '../../../src/elf/elf.ts';
import type { ExecutionConfig } from '../../../src/oci/config.ts';
import { buildElf } from '../elf/elf-builder.ts';
import {
  apphostData,
  configOf,
  core,
  failureOf,
  type ImageFiles,
  managed,
  noContents,
  runtime,
  singleFile,
  treeOf,
} from './image-builder.ts';

const arm = { machine: machines.arm64 };
const architectures = ['x64', 'arm64'] as const;
type Architecture = (typeof architectures)[number];

const filesOf = (architecture: Architecture, ...images: readonly ImageFiles[]) =>
  filesOfTree(treeOf(...images), noContents, architecture);

const describeFor = (
  architecture: Architecture,
  files: ImageFiles,
  config: Partial<ExecutionConfig>,
) => describeApp(treeOf(files), noContents, configOf(config), architecture);

/** Programs of each kind for one processor, in an image of another or of the same. */
const programs: readonly [string, (machine: number) => ImageFiles][] = [
  [
    'a self-contained app',
    (machine) => ({
      ...managed('app', { tfm: 'net10.0', includedFrameworks: [core('10.0.3')] }),
      '/app/app': buildElf({ machine, data: apphostData(0, 'app.dll') }),
      ...Object.fromEntries(
        ['hostfxr', 'hostpolicy', 'coreclr'].map((name) => [
          `/app/lib${name}.so`,
          buildElf({ machine }),
        ]),
      ),
    }),
  ],
  [
    'a single file',
    (machine) => ({
      '/app/app': singleFile(
        6,
        [{ path: 'app.runtimeconfig.json', type: 4, bytes: '{"runtimeOptions":{}}' }],
        { machine },
      ),
    }),
  ],
];

describe.each(programs)('describeApp, of %s', (_kind, filesFor) => {
  test.each(architectures)('takes what is for the processor of its image: %s', (architecture) => {
    const files = filesFor(machines[architecture]);
    const app = describeFor(architecture, files, { Entrypoint: ['/app/app'] });
    expect(app).toMatchObject({ architecture, executable: '/app/app' });
  });

  test.each([
    ['x64', 'arm64'],
    ['arm64', 'x64'],
  ] as const)('refuses in an image for %s what is for %s', (architecture, other) => {
    const files = filesFor(machines[other]);
    const error = failureOf(() => describeFor(architecture, files, { Entrypoint: ['/app/app'] }));
    expect(error).toMatchObject({
      code: 'APP_INVALID',
      message: expect.stringContaining(`is for ${other}, wanted ${architecture}`),
      hint: expect.stringContaining(`dotnet publish -r linux-${architecture}`),
    });
  });
});

describe('an app for arm64 that needs a runtime', () => {
  const asks = managed('app', { frameworks: [core('10.0.0')] });
  const config = { Cmd: ['dotnet', '/app/app.dll'] };
  const app = describeFor('arm64', asks, config);
  const choose = (image: ImageFiles) =>
    chooseRuntime(app, treeOf(image), noContents, { source: 'image', hostEnv: {} });

  test('is given one for arm64', () => {
    const chosen = choose(runtime({ core: ['10.0.3'] }, { elf: arm }));
    expect(chosen?.frameworks).toEqual([{ name: 'Microsoft.NETCore.App', version: '10.0.3' }]);
    expect(chosen?.files.architecture).toBe('arm64');
  });

  test('is told what the one for x64 is, and what to type', () => {
    expect(failureOf(() => choose(runtime({ core: ['10.0.3'] })))).toMatchObject({
      code: 'FRAMEWORK_NOT_FOUND',
      message: expect.stringContaining('/usr/share/dotnet/dotnet is for x64, wanted arm64'),
      hint: expect.stringMatching(
        /^add --runtime mcr\.microsoft\.com\S+, or unpack .*rid=linux-arm64$/,
      ),
    });
  });

  test('has its libraries from the folders of its processor, and is told where to install them', () => {
    const image = runtime({ core: ['10.0.3'] }, { elf: arm });
    const sonames = ['libstdc++.so.6', 'libgcc_s.so.1'];
    const libraries = (triplet: string, machine: number): ImageFiles =>
      Object.fromEntries(
        sonames.map((soname) => [`/usr/lib/${triplet}/${soname}`, buildElf({ soname, machine })]),
      );
    const plan = (host: ImageFiles) =>
      planLibraries(app, choose(image), filesOf('arm64', image), filesOf('arm64', host));
    const { added } = plan(libraries('aarch64-linux-gnu', machines.arm64));
    expect(added.map(({ path }) => path).sort()).toEqual(
      sonames.map((soname) => `/usr/lib/aarch64-linux-gnu/${soname}`).sort(),
    );
    expect(failureOf(() => plan(libraries('x86_64-linux-gnu', machines.x64)))).toMatchObject({
      code: 'LIBRARY_NOT_FOUND',
      message: expect.stringContaining('wanted one for arm64 and glibc'),
      hint: expect.stringMatching(/^apt-get install \S+, in the image$/),
    });
  });
});

test('launchOf sets the variable of its processor again where the image has it', () => {
  const files = { '/app/app': singleFile(6, [], arm) };
  const env = ['DOTNET_ROOT_ARM64=/gone', 'DOTNET_ROOT_X64=/else'];
  const app = describeFor('arm64', files, { Entrypoint: ['/app/app'], Env: env });
  expect(launchOf(app, '/usr/share/dotnet').env).toEqual({
    DOTNET_ROOT: '/usr/share/dotnet',
    DOTNET_ROOT_ARM64: '/usr/share/dotnet',
  });
});

test('findApphostFolder looks where the variable and the file of its processor lead', () => {
  const at = (root: string, version: string) => runtime({ core: [version] }, { root, elf: arm });
  const image = { ...at('/one', '10.0.1'), ...at('/two', '10.0.2') };
  const found = (env: Record<string, string>, more: ImageFiles = {}) =>
    findApphostFolder(filesOf('arm64', image, more), new Map(Object.entries(env)), undefined)?.path;
  expect(found({ DOTNET_ROOT_X64: '/one', DOTNET_ROOT_ARM64: '/two', DOTNET_ROOT: '/one' })).toBe(
    '/two',
  );
  const files = {
    '/etc/dotnet/install_location_x64': '/one',
    '/etc/dotnet/install_location_arm64': '/two',
  };
  expect(found({}, files)).toBe('/two');
});

test('findLibrary passes over a library for another processor', () => {
  const image = {
    '/lib/libz.so.1': buildElf(),
    '/usr/lib/libz.so.1': buildElf(arm),
  };
  const pathFor = (architecture: Architecture) =>
    findLibrary([{ from: 'image', files: filesOf(architecture, image) }], 'libz.so.1')?.path;
  expect(pathFor('x64')).toBe('/lib/libz.so.1');
  expect(pathFor('arm64')).toBe('/usr/lib/libz.so.1');
});

test.each([
  ['linux-arm64', false],
  ['unix-arm64', false],
  ['linux', false],
  ['any', false],
  ['linux-x64', true],
  ['linux-musl-arm64', true],
  ['linux-arm', true],
  ['win-arm64', true],
])('isOtherRid says of %s on arm64: %s', (rid, isOther) => {
  expect(isOtherRid(rid, 'arm64')).toBe(isOther);
});

test('isMuslSystem knows the loader of each processor', () => {
  const image = { '/lib/ld-musl-aarch64.so.1': buildElf(arm) };
  expect(isMuslSystem(filesOf('arm64', image))).toBe(true);
  expect(isMuslSystem(filesOf('x64', image))).toBe(false);
});

test('muslNatives tells of packages for musl on arm64 that have nothing for linux-arm64', () => {
  const native = (rid: string) => ({
    [`runtimes/${rid}/native/libn.so`]: { rid, assetType: 'native' },
  });
  const target = '.NETCoreApp,Version=v10.0';
  const image = {
    '/app/app.dll': 'MZ',
    '/app/app.deps.json': JSON.stringify({
      runtimeTarget: { name: target },
      targets: {
        [target]: {
          'n/1.0.0': { runtimeTargets: { ...native('linux-musl-arm64'), ...native('linux-x64') } },
        },
      },
    }),
  };
  const lackingFor = (architecture: Architecture) =>
    muslNatives(filesOf(architecture, image), {
      assembly: '/app/app.dll',
      executable: '/usr/share/dotnet/dotnet',
    }).lacking;
  expect(lackingFor('arm64')).toEqual([
    { library: 'n/1.0.0', rids: ['linux-musl-arm64', 'linux-x64'] },
  ]);
  expect(lackingFor('x64')).toEqual([]);
});
