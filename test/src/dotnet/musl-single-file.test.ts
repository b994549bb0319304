import { describe, expect, test } from 'vitest';
import { checkMusl } from '../../../src/check/musl.ts';
import { filesOfTree } from '../../../src/dotnet/files.ts';
import { launchOf } from '../../../src/dotnet/launch.ts';
import { unbundle } from '../../../src/osv/bundle.ts';
import { readFile } from '../../../src/tree/contents.ts';
import { editTree } from '../../../src/tree/edit.ts';
import { lookup } from '../../../src/tree/lookup.ts';
import { alpine, depsFor, describeAlpine, muslLibrary, muslLoader } from './alpine-files.ts';
import {
  type BundlePart,
  core,
  describeImage,
  failureOf,
  muslElf,
  noContents,
  runtimeconfig,
  singleFile,
  treeOf,
} from './image-builder.ts';

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
