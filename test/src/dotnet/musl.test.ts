import { describe, expect, test } from 'vitest';
import { checkMusl } from '../../../src/check/musl.ts';
import type { DotnetApp } from '../../../src/dotnet/app.ts';
import { type ChosenRuntime, chooseRuntime } from '../../../src/dotnet/choose.ts';
import { filesOfTree } from '../../../src/dotnet/files.ts';
import { launchOf } from '../../../src/dotnet/launch.ts';
import { planLibraries } from '../../../src/dotnet/libraries.ts';
import { isMuslSystem, muslMarks, usesMusl } from '../../../src/dotnet/musl.ts';
import { removeMuslLibraries } from '../../../src/dotnet/musl-libraries.ts';
import { muslNatives } from '../../../src/dotnet/musl-natives.ts';
import { ConvertError } from '../../../src/error.ts';
import { unbundle } from '../../../src/osv/bundle.ts';
import { osvEnvironment } from '../../../src/osv/environment.ts';
import { readFile } from '../../../src/tree/contents.ts';
import { editTree } from '../../../src/tree/edit.ts';
import { lookup } from '../../../src/tree/lookup.ts';
import { buildElf } from '../elf/elf-builder.ts';
import {
  apphostData,
  type BundlePart,
  core,
  describeImage,
  type ImageFiles,
  managed,
  muslElf,
  noContents,
  runtime,
  runtimeconfig,
  singleFile,
  treeOf,
} from './image-builder.ts';

const muslLoader = '/lib/ld-musl-x86_64.so.1';
const muslLibrary = buildElf({ needed: ['libc.musl-x86_64.so.1'] });
const glibcLibrary = buildElf({ needed: ['libc.so.6'] });

/** What Alpine has besides .NET. */
const alpine: ImageFiles = {
  '/etc/os-release': 'NAME="Alpine Linux"\nID=alpine\n',
  [muslLoader]: buildElf({ soname: 'libc.musl-x86_64.so.1' }),
  '/lib/libc.musl-x86_64.so.1': { link: 'ld-musl-x86_64.so.1' },
};

const muslRuntime = runtime({ core: ['8.0.4'] }, { elf: muslElf });
const glibcRuntime = runtime({ core: ['8.0.30'] });
const portable = managed('app', { framework: core('8.0.0') });

const filesOf = (...images: readonly ImageFiles[]) => filesOfTree(treeOf(...images), noContents);

const describeAlpine = (files: ImageFiles, ...entrypoint: readonly string[]) =>
  describeImage({ ...alpine, ...files }, { Entrypoint: entrypoint });

function failureOf(call: () => unknown): ConvertError {
  try {
    call();
  } catch (error) {
    if (error instanceof ConvertError) return error;
    throw error;
  }
  throw new Error('nothing failed');
}

const depsFor = (rid: string, more: Record<string, unknown> = {}): string => {
  const name = `.NETCoreApp,Version=v8.0${rid === '' ? '' : `/${rid}`}`;
  return JSON.stringify({ runtimeTarget: { name, signature: '' }, targets: { [name]: more } });
};

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

describe('unbundle', () => {
  const parts = (major: number): BundlePart[] => [
    { path: 'app.dll', type: major === 1 ? 0 : 1, bytes: 'MZ app', deflated: major === 6 },
    { path: 'cs/app.resources.dll', type: major === 1 ? 0 : 1, bytes: 'MZ cs' },
    { path: 'app.deps.json', type: major === 1 ? 2 : 3, bytes: depsFor('linux-musl-x64') },
    {
      path: 'app.runtimeconfig.json',
      type: major === 1 ? 3 : 4,
      bytes: runtimeconfig({ framework: core('8.0.0') }),
    },
  ];
  const appOf = (path: string, major: number, more: readonly BundlePart[] = []) => {
    const image = { ...alpine, [path]: singleFile(major, [...parts(major), ...more], muslElf) };
    const app = describeImage(image, { Entrypoint: [path], Cmd: ['--roll-forward', 'Major', 'x'] });
    return { app, tree: editTree(treeOf(image), unbundle(treeOf(image), noContents, app)) };
  };

  test.each([1, 2, 6])(
    'lays a bundle of version %i out as a folder when its host is for musl (DOTNET.md 1.2, 5)',
    (major) => {
      const { app, tree } = appOf('/srv/start', major);
      expect(app).toMatchObject({
        kind: 'framework-dependent',
        needsRuntime: true,
        assembly: '/srv/app.dll',
        frameworks: [{ ...core('8.0.0'), rollForward: 'Major' }],
        musl: [
          `/srv/start asks for the loader ${muslLoader}`,
          '/srv/start!app.deps.json is for linux-musl-x64',
          '/etc/os-release says ID=alpine',
          `${muslLoader} is there`,
        ],
      });
      expect(launchOf(app, '/usr/share/dotnet')).toEqual({
        program: '/usr/share/dotnet/dotnet',
        args: ['--roll-forward', 'Major', '/srv/app.dll', 'x'],
        env: {},
      });
      const text = (path: string): string | undefined => {
        const node = lookup(tree, path)?.node;
        return node?.kind === 'file'
          ? Buffer.from(readFile(noContents, node, 999)).toString()
          : undefined;
      };
      expect(text('/srv/app.dll')).toBe('MZ app');
      expect(text('/srv/cs/app.resources.dll')).toBe('MZ cs');
      expect(text('/srv/app.runtimeconfig.json')).toBe(runtimeconfig({ framework: core('8.0.0') }));
      expect(text('/srv/app.deps.json')).toContain('linux-musl-x64');
      expect(lookup(tree, '/srv/start')).toBeUndefined();
    },
  );

  test('gives the app a folder of its own when it lies among programs', () => {
    const { app, tree } = appOf('/usr/local/bin/start', 6);
    expect(app.assembly).toBe('/opt/start/app.dll');
    expect(lookup(tree, '/opt/start/app.dll')?.node.kind).toBe('file');
  });

  test('leaves what runs by itself alone', () => {
    const image = { '/app/app': singleFile(6, parts(6)) };
    const app = describeImage(image, { Entrypoint: ['/app/app'] });
    expect(app.kind).toBe('single-file');
    expect(unbundle(treeOf(image), noContents, app)).toEqual([]);
  });

  test('refuses a bundle when its entry assembly is not in it', () => {
    const settings = parts(6).slice(3);
    const image = { '/app/app': singleFile(6, settings, muslElf) };
    expect(failureOf(() => describeAlpine(image, '/app/app'))).toMatchObject({
      code: 'APP_INVALID',
      message: expect.stringContaining('found no app.dll beside app.runtimeconfig.json'),
    });
  });

  test('refuses a bundle when its compressed files would fill the memory', () => {
    const { app } = appOf('/srv/start', 6);
    const [file] = app.unbundle?.files ?? [];
    if (file === undefined) throw new Error('no file');
    const huge = { ...file, size: 2 ** 40 };
    const hostile = { ...app, unbundle: { folder: '/srv', files: [huge] } };
    const tree = treeOf({ '/srv/start': singleFile(6, parts(6), muslElf) });
    expect(failureOf(() => unbundle(tree, noContents, hostile)).code).toBe('APP_INVALID');
  });

  test('warns of a native library in the bundle that is for musl', () => {
    const native = { path: 'libn.so', type: 2, bytes: muslLibrary };
    const { app, tree } = appOf('/srv/start', 6, [native]);
    expect(checkMusl(app, filesOfTree(tree, noContents), undefined, [])).toContainEqual(
      expect.objectContaining({ rule: 'musl-native', severity: 'warning' }),
    );
  });
});

describe('removeMuslLibraries', () => {
  const image: ImageFiles = {
    ...alpine,
    '/usr/lib/libssl.so.3': muslLibrary,
    '/usr/lib/libicudata.so.74': { link: 'libicudata.so.74.2' },
    '/usr/lib/libicudata.so.74.2': buildElf(),
    '/usr/lib/libown.so': glibcLibrary,
    '/usr/lib/dotnet/shared/x/libcoreclr.so': muslLibrary,
    '/usr/lib/libtext.so': 'INPUT(libown.so)',
    '/usr/share/a.txt': 'text',
  };

  test('takes all out that is not for glibc when the system is of musl', () => {
    expect(removeMuslLibraries(filesOf(image)).map(({ path }) => path)).toEqual([
      '/lib/ld-musl-x86_64.so.1',
      '/lib/libc.musl-x86_64.so.1',
      '/usr/lib/libicudata.so.74',
      '/usr/lib/libicudata.so.74.2',
      '/usr/lib/libssl.so.3',
    ]);
  });

  test('takes nothing out when the system is of glibc', () => {
    const files = filesOf({ '/usr/lib/libssl.so.3': muslLibrary, '/usr/lib/liba.so': buildElf() });
    expect(removeMuslLibraries(files)).toEqual([]);
  });
});

describe('planLibraries', () => {
  const named = (place: string, ...names: readonly string[]): ImageFiles =>
    Object.fromEntries(names.map((name) => [`${place}/${name}`, glibcLibrary]));
  const host = named(
    '/lib/x86_64-linux-gnu',
    ...['libstdc++.so.6', 'libgcc_s.so.1', 'libssl.so.3', 'libcrypto.so.3'],
    ...['libicuuc.so.66', 'libicuuc.so.72', 'libicui18n.so.72', 'libicudata.so.72'],
  );
  const image: ImageFiles = {
    ...alpine,
    ...portable,
    ...Object.fromEntries(
      ['libstdc++.so.6', 'libgcc_s.so.1', 'libssl.so.3', 'libcrypto.so.3', 'libicuuc.so.74'].map(
        (name) => [`/usr/lib/${name}`, muslLibrary],
      ),
    ),
  };
  const chosen: ChosenRuntime = {
    from: 'folder',
    path: '/usr/share/dotnet',
    root: '/usr/share/dotnet',
    hostfxr: '8.0.30',
    files: filesOf(glibcRuntime),
    frameworks: [core('8.0.30')],
    parts: ['dotnet', 'host/fxr/8.0.30', 'shared/Microsoft.NETCore.App/8.0.30'],
  };
  const planned = (env: readonly string[], from: ImageFiles = host) => {
    const app = describeImage(image, { Entrypoint: ['dotnet', '/app/app.dll'], Env: env });
    return planLibraries(app, chosen, filesOf(image), filesOf(from)).added.map(
      ({ soname }) => soname,
    );
  };

  test("takes the host's and none of the image's when that is of musl", () => {
    expect(planned(['DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=true'])).toEqual([
      'libcrypto.so.3',
      'libgcc_s.so.1',
      'libssl.so.3',
      'libstdc++.so.6',
    ]);
  });

  test('adds the newest whole libicu when the app asks for cultures (DOTNET.md 4.2)', () => {
    expect(planned(['DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=false'])).toEqual(
      expect.arrayContaining(['libicudata.so.72', 'libicui18n.so.72', 'libicuuc.so.72']),
    );
  });

  test('takes nothing of a host when that is of musl too', () => {
    expect(failureOf(() => planned([], { ...alpine, ...host })).code).toBe('LIBRARY_NOT_FOUND');
  });
});

describe('muslNatives', () => {
  const target = (path: string, rid: string) => ({
    [path]: { rid, assetType: 'native', fileVersion: '0.0.0.0' },
  });
  const withDeps = (libraries: Record<string, unknown>, more: ImageFiles = {}) =>
    muslNatives(filesOf({ ...portable, '/app/app.deps.json': depsFor('', libraries), ...more }), {
      executable: '/usr/share/dotnet/dotnet',
      assembly: '/app/app.dll',
    });
  const musl = target('runtimes/linux-musl-x64/native/liba.so', 'linux-musl-x64');

  test.each(['linux-x64', 'linux', 'unix', 'unix-x64', 'any', 'debian.9-x64'])(
    'finds no fault with a package when it has natives for %s (DOTNET.md 2.7)',
    (rid) => {
      const assets = { ...musl, ...target(`runtimes/${rid}/native/liba.so`, rid) };
      expect(withDeps({ 'A/1.0.0': { runtimeTargets: assets } }).lacking).toEqual([]);
    },
  );

  test('names the package and its systems when it has natives for musl only', () => {
    const assets = { ...musl, ...target('runtimes/win-x64/native/a.dll', 'win-x64') };
    const arm = target('runtimes/linux-musl-arm64/native/liba.so', 'linux-musl-arm64');
    expect(
      withDeps({
        'A/1.0.0': { runtimeTargets: assets },
        'B/1.0.0': { runtimeTargets: target('runtimes/win/native/a.dll', 'win') },
        'C/1.0.0': { runtimeTargets: arm },
        'D/1.0.0': { runtime: { 'lib/net8.0/D.dll': {} } },
      }).lacking,
    ).toEqual([{ library: 'A/1.0.0', rids: ['linux-musl-x64', 'win-x64'] }]);
  });

  test('names the files that would be loaded when they are linked to musl', () => {
    const assets = { ...musl, ...target('runtimes/linux-x64/native/liba.so', 'linux-x64') };
    expect(
      withDeps(
        { 'A/1.0.0': { runtimeTargets: assets } },
        {
          '/app/libflat.so': muslLibrary,
          '/app/libfine.so': glibcLibrary,
          '/app/runtimes/linux-musl-x64/native/liba.so': muslLibrary,
          '/app/runtimes/linux-x64/native/liba.so': muslLibrary,
        },
      ).linked,
    ).toEqual(['/app/libflat.so', '/app/runtimes/linux-x64/native/liba.so']);
  });

  test.each(['{', '[]', '{"runtimeTarget":7}', '{"runtimeTarget":"a","targets":{"a":{"b":[]}}}'])(
    'finds nothing in a deps.json when it is %s',
    (text) => {
      const files = filesOf({ ...portable, '/app/app.deps.json': text });
      const app = { executable: '/app/app', assembly: '/app/app.dll' };
      expect(muslNatives(files, app)).toEqual({ lacking: [], linked: [] });
    },
  );
});

describe('checkMusl', () => {
  const app = (more: ImageFiles = {}): DotnetApp =>
    describeAlpine({ ...muslRuntime, ...portable, ...more }, 'dotnet', '/app/app.dll');
  const host: ChosenRuntime = {
    from: 'host',
    path: '/usr/share/dotnet',
    root: '/usr/share/dotnet',
    hostfxr: '8.0.30',
    files: filesOf(glibcRuntime),
    frameworks: [core('8.0.30')],
    parts: [],
  };
  const found = (more: ImageFiles = {}, library?: string) =>
    checkMusl(
      app(more),
      filesOf(alpine, muslRuntime, portable, more),
      host,
      library === undefined ? [] : [{ file: '/app/app.dll', library }],
    );

  test('notes what an app runs with when it was built for musl', () => {
    expect(found()).toEqual([
      {
        rule: 'built-for-musl',
        severity: 'note',
        evidence: { file: '/app/app.dll', found: expect.stringContaining(muslLoader) },
        consequence: expect.stringContaining('Microsoft.NETCore.App 8.0.30 of this host'),
        fix: expect.any(String),
      },
    ]);
  });

  test('says nothing when the image is of glibc', () => {
    const image = { ...glibcRuntime, ...portable, '/app/libn.so': muslLibrary };
    const debian = describeImage(image, { Entrypoint: ['dotnet', '/app/app.dll'] });
    expect(checkMusl(debian, filesOf(image), undefined, [])).toEqual([]);
  });

  test('warns of a library for musl beside the app when nothing is seen to call it', () => {
    expect(found({ '/app/libn.so': muslLibrary })).toContainEqual(
      expect.objectContaining({ rule: 'musl-native', severity: 'warning' }),
    );
  });

  test.each(['n', 'libn', 'libn.so'])(
    'names the caller when a library for musl is called as %s (DOTNET.md 6)',
    (name) => {
      expect(found({ '/app/libn.so': muslLibrary }, name)).toContainEqual({
        rule: 'musl-native',
        severity: 'warning',
        evidence: {
          file: '/app/libn.so',
          found: 'linked to musl, and called by /app/app.dll',
        },
        consequence: expect.stringContaining('glibc'),
        fix: expect.stringContaining('-r linux-x64'),
      });
    },
  );

  test.each([
    ['has no runtime yet', portable, ['dotnet', '/app/app.dll'], 'a runtime for glibc only'],
    [
      'brings its own for glibc',
      { '/app/app': buildElf({ sections: ['__managedcode', '.hydrated'] }) },
      ['/app/app'],
      'it runs as it is',
    ],
  ])('notes an image of musl when the app %s', (_what, files: ImageFiles, words, said) => {
    const image = describeAlpine(files, ...words);
    expect(checkMusl(image, filesOf(alpine, files), undefined, [])).toEqual([
      expect.objectContaining({ severity: 'note', consequence: expect.stringContaining(said) }),
    ]);
  });

  test('ends in an error when a package has natives for musl only', () => {
    const libraries = {
      'A/1.0.0': {
        runtimeTargets: {
          'runtimes/linux-musl-x64/native/liba.so': { rid: 'linux-musl-x64', assetType: 'native' },
        },
      },
    };
    expect(found({ '/app/app.deps.json': depsFor('', libraries) })).toContainEqual(
      expect.objectContaining({
        rule: 'musl-only-package',
        severity: 'error',
        evidence: expect.objectContaining({ found: expect.stringContaining('A/1.0.0') }),
      }),
    );
  });
});

describe('osvEnvironment', () => {
  const name = 'DOTNET_SYSTEM_GLOBALIZATION_INVARIANT';
  const settingOf = (value: string | undefined, icu: boolean, user?: string) => {
    const app = describeImage(
      { ...alpine, ...muslRuntime, ...portable },
      {
        Entrypoint: ['dotnet', '/app/app.dll'],
        Env: value === undefined ? [] : [`${name}=${value}`],
      },
    );
    const wishes = new Map(user === undefined ? [] : [[name, user]]);
    const { entries } = osvEnvironment(app, { icu, user: wishes });
    return entries
      .filter((entry) => entry.name === name)
      .map(({ value, origin }) => [value, origin]);
  };

  test.each([
    [
      "keeps Alpine's invariant cultures when there is no libicu",
      'true',
      false,
      [['true', 'image']],
    ],
    ['gives cultures back when libicu for glibc was added', 'true', true, [['false', 'osv']]],
    ['leaves cultures on when libicu for glibc was added', 'false', true, [['false', 'image']]],
    ['overrules cultures when no libicu was found: .NET would end', 'false', false, [['1', 'osv']]],
    ['sets invariant cultures when the image says nothing', undefined, false, [['1', 'osv']]],
  ])('%s (DOTNET.md 4.2, 5)', (_what, value, icu, expected) => {
    expect(settingOf(value, icu)).toEqual(expected);
  });

  test('does what the user says when that is otherwise', () => {
    expect(settingOf('true', true, '1')).toEqual([['1', 'user']]);
  });
});
