import { describe, expect, test } from 'vitest';
import { checkMusl } from '../../../src/check/musl.ts';
import type { DotnetApp } from '../../../src/dotnet/app.ts';
import type { ChosenRuntime } from '../../../src/dotnet/choose.ts';
import { muslNatives } from '../../../src/dotnet/musl-natives.ts';
import { buildElf } from '../elf/elf-builder.ts';
import {
  alpine,
  depsFor,
  describeAlpine,
  filesOf,
  glibcLibrary,
  glibcRuntime,
  muslLibrary,
  muslLoader,
  muslRuntime,
  portable,
} from './alpine-files.ts';
import { core, describeImage, type ImageFiles } from './image-builder.ts';

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
