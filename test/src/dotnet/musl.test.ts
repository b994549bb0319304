import { describe, expect, test } from 'vitest';
import { chooseRuntime } from '../../../src/dotnet/choose.ts';
import { launchOf } from '../../../src/dotnet/launch.ts';
import { isMuslSystem, muslMarks, usesMusl } from '../../../src/dotnet/musl.ts';
import { buildElf } from '../elf/elf-builder.ts';
import {
  alpine,
  depsFor,
  describeAlpine,
  filesOf,
  glibcRuntime,
  muslLibrary,
  muslLoader,
  muslRuntime,
  portable,
} from './alpine-files.ts';
import {
  apphostData,
  core,
  describeImage,
  failureOf,
  type ImageFiles,
  managed,
  muslElf,
  noContents,
  runtimeconfig,
  singleFile,
  treeOf,
} from './image-builder.ts';

describe('usesMusl', () => {
  test.each([
    ['a loader of musl', { interpreter: muslLoader, needed: [] }, true],
    ["Alpine's name of it", { needed: ['libstdc++.so.6', 'libc.musl-x86_64.so.1'] }, true],
    ["musl's own name", { needed: ['libc.so'] }, true],
    ['glibc', { interpreter: '/lib64/ld-linux-x86-64.so.2', needed: ['libc.so.6'] }, false],
    ['nothing', { needed: [] }, false],
  ])('tells a file that names %s (DOTNET.md 5)', (_what, elf, isMusl) => {
    expect(usesMusl(elf)).toBe(isMusl);
  });
});

describe('muslMarks', () => {
  test('tells every mark when all are there, the strongest first (DOTNET.md 5)', () => {
    const deps = {
      runtimeTarget: '.NETCoreApp,Version=v8.0/linux-musl-x64',
      libraries: { 'runtimepack.Microsoft.NETCore.App.Runtime.linux-musl-x64/8.0.4': {} },
    };
    const files = filesOf(alpine, muslRuntime, portable, {
      '/app/app.deps.json': JSON.stringify(deps),
    });
    const executable = '/usr/share/dotnet/dotnet';
    expect(muslMarks(files, { executable, assembly: '/app/app.dll' })).toEqual([
      `${executable} asks for the loader ${muslLoader}`,
      '/usr/share/dotnet/shared/Microsoft.NETCore.App/8.0.4/libcoreclr.so needs libc.musl-x86_64.so.1',
      '/app/app.deps.json is for linux-musl-x64',
      '/app/app.deps.json has runtimepack.Microsoft.NETCore.App.Runtime.linux-musl-x64/8.0.4',
      '/etc/os-release says ID=alpine',
      `${muslLoader} is there`,
    ]);
  });

  test.each([
    ['of Debian', { '/etc/os-release': 'ID=debian\n' }],
    ['of Wolfi, which has apk and glibc', { '/etc/os-release': 'ID=wolfi\nID_LIKE=alpine\n' }],
    [
      'of Debian with its package of musl',
      {
        [muslLoader]: buildElf(),
        '/lib/x86_64-linux-gnu/libc.so.6': buildElf({ soname: 'libc.so.6' }),
      },
    ],
    ['with a deps.json that is none', { '/app/app.deps.json': '{' }],
    ['with a deps.json for glibc', { '/app/app.deps.json': depsFor('linux-x64') }],
  ])('tells none when the image is one %s', (_what, files: ImageFiles) => {
    const image = { ...glibcRuntime, ...portable, ...files };
    const app = describeImage(image, { Entrypoint: ['/usr/share/dotnet/dotnet', '/app/app.dll'] });
    expect(app.musl).toBeUndefined();
    expect(isMuslSystem(filesOf(image))).toBe(false);
  });

  test('counts a link to musl as no glibc when a foreign program wants one', () => {
    const link = { '/lib/libc.so.6': { link: 'ld-musl-x86_64.so.1' } };
    expect(isMuslSystem(filesOf(alpine, link))).toBe(true);
  });
});

describe('describeApp', () => {
  test('tells the marks among its evidence when the image is of Alpine', () => {
    const app = describeAlpine({ ...muslRuntime, ...portable }, 'dotnet', '/app/app.dll');
    expect(app.musl).toEqual(expect.arrayContaining(['/etc/os-release says ID=alpine']));
    expect(app.evidence).toEqual(expect.arrayContaining([...(app.musl ?? [])]));
  });

  test.each([
    ['the muxer', ['/usr/share/dotnet/dotnet', '/app/app.dll'], {}],
    [
      'an apphost for musl',
      ['/app/app'],
      { '/app/app': buildElf({ ...muslElf, data: apphostData(0, 'app.dll') }) },
    ],
    [
      'a publish for linux-musl-x64 without a runtime',
      ['/app/app'],
      {
        '/app/app': buildElf({ ...muslElf, data: apphostData(0, 'app.dll') }),
        '/app/app.deps.json': depsFor('linux-musl-x64'),
      },
    ],
  ])('starts an app by a runtime for glibc when the image starts %s', (_what, words, more) => {
    const image: ImageFiles = { ...alpine, ...muslRuntime, ...portable, ...more };
    const app = describeImage(image, { Entrypoint: words });
    const other = { tree: treeOf(glibcRuntime), contents: noContents };
    const chosen = chooseRuntime(app, treeOf(image), noContents, { source: other, hostEnv: {} });
    expect(chosen).toMatchObject({ from: 'reference', frameworks: [core('8.0.30')] });
    expect(launchOf(app, chosen?.root)).toMatchObject({
      program: '/usr/share/dotnet/dotnet',
      args: ['/app/app.dll'],
    });
  });

  test('says that the runtime of the image is for musl when there is no other', () => {
    const image: ImageFiles = { ...alpine, ...muslRuntime, ...portable };
    const app = describeImage(image, { Entrypoint: ['dotnet', '/app/app.dll'] });
    const choose = () =>
      chooseRuntime(app, treeOf(image), noContents, { source: 'image', hostEnv: {} });
    expect(failureOf(choose)).toMatchObject({
      code: 'FRAMEWORK_NOT_FOUND',
      message: expect.stringContaining('/usr/share/dotnet/dotnet is linked to musl, wanted glibc'),
      hint: expect.stringContaining('--runtime'),
    });
  });

  const selfContained = managed('app', { includedFrameworks: [core('8.0.4')] });
  const apphost = (parts: Parameters<typeof buildElf>[0]) =>
    buildElf({ ...parts, data: apphostData(0, 'app.dll') });
  const own = (elf: Uint8Array): ImageFiles => ({
    ...selfContained,
    '/app/libhostfxr.so': elf,
    '/app/libhostpolicy.so': elf,
    '/app/libcoreclr.so': elf,
  });
  test.each([
    [
      'self-contained app',
      { ...own(muslLibrary), '/app/app': apphost(muslElf) },
      `/app/app asks for the loader ${muslLoader}; /app/libcoreclr.so needs libc.musl`,
      '-r linux-x64 --self-contained\n',
    ],
    [
      'self-contained app',
      { ...own(muslLibrary), '/app/app': apphost({}) },
      '/app/libcoreclr.so needs libc.musl-x86_64.so.1',
      '-r linux-x64 --self-contained\n',
    ],
    [
      'self-contained single file',
      {
        '/app/app': singleFile(
          6,
          [
            { path: 'app.deps.json', type: 3, bytes: depsFor('linux-musl-x64') },
            { path: 'app.runtimeconfig.json', type: 4, bytes: runtimeconfig({}) },
          ],
          muslElf,
        ),
      },
      `${muslLoader}; /app/app!app.deps.json is for linux-musl-x64`,
      '-p:PublishSingleFile=true',
    ],
    [
      'Native AOT program',
      { '/app/app': buildElf({ ...muslElf, sections: ['__managedcode', '.hydrated'] }) },
      `/app/app asks for the loader ${muslLoader}`,
      '-p:PublishAot=true',
    ],
  ])(
    'refuses a %s when it is for musl, and says how to publish it (DOTNET.md 5)',
    (kind, files, found, command) => {
      const error = failureOf(() => describeAlpine(files, '/app/app'));
      expect(error.code).toBe('APP_INVALID');
      expect(error.message).toContain(`found a ${kind} linked to musl, wanted glibc`);
      expect(error.message).toContain(found);
      expect(error.message).toContain('made to stand in for glibc');
      expect(error.hint).toContain(command);
    },
  );
});
