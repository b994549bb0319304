import { describe, expect, test } from 'vitest';
import type { ChosenRuntime } from '../../../src/dotnet/choose.ts';
import { planLibraries } from '../../../src/dotnet/libraries.ts';
import { removeMuslLibraries } from '../../../src/dotnet/musl-libraries.ts';
import { osvEnvironment } from '../../../src/osv/environment.ts';
import { buildElf } from '../elf/elf-builder.ts';
import {
  alpine,
  filesOf,
  glibcLibrary,
  glibcRuntime,
  muslLibrary,
  muslRuntime,
  portable,
} from './alpine-files.ts';
import { core, describeImage, failureOf, type ImageFiles } from './image-builder.ts';

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
