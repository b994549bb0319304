import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { DotnetApp } from '../../../src/dotnet/app.ts';
import type { ChosenRuntime } from '../../../src/dotnet/choose.ts';
import { withoutAssets } from '../../../src/dotnet/deps-json.ts';
import { filesOfTree } from '../../../src/dotnet/files.ts';
import { isOtherRid } from '../../../src/dotnet/unused.ts';
import { matcherOf } from '../../../src/osv/reach/glob.ts';
import { type ReachOptions, reachable } from '../../../src/osv/reach/reachable.ts';
import { openContents, readFile } from '../../../src/tree/contents.ts';
import { editTree } from '../../../src/tree/edit.ts';
import { lookup } from '../../../src/tree/lookup.ts';
import { directory, fileOfBytes, symlink } from '../../../src/tree/nodes.ts';
import type { Tree } from '../../../src/tree/tree.ts';
import { walkTree } from '../../../src/tree/walk.ts';
import { top } from '../../support/top.ts';
import { buildElf, type ElfParts } from '../elf/elf-builder.ts';

const contents = openContents(new Map());

/** Text is a file, `-> X` a link, an object an ELF file, null an empty folder. */
function treeOf(nodes: Readonly<Record<string, string | ElfParts | Uint8Array | null>>): Tree {
  const edits = Object.entries(nodes).map(([path, node]) => {
    const made =
      node === null
        ? directory()
        : typeof node === 'string' && node.startsWith('-> ')
          ? symlink(node.slice(3))
          : fileOfBytes(
              typeof node === 'string'
                ? Buffer.from(node)
                : node instanceof Uint8Array
                  ? node
                  : buildElf(node),
            );
    return { op: 'set', path, node: made } as const;
  });
  return editTree({ root: directory() }, edits);
}

const app: DotnetApp = {
  kind: 'framework-dependent',
  architecture: 'x64',
  needsRuntime: true,
  executable: '/usr/share/dotnet/dotnet',
  launcher: 'muxer',
  assembly: '/app/web.dll',
  hostOptions: [],
  args: [],
  workingDirectory: '/app',
  env: new Map(),
  frameworks: [],
  aspnet: false,
  model: 'console',
  readyToRun: 'no',
  trimmed: false,
  invariantGlobalization: false,
  evidence: [],
};

const self: DotnetApp = {
  ...app,
  kind: 'native-aot',
  needsRuntime: false,
  executable: '/app/run',
  launcher: 'native',
};

function pathsOf(
  tree: Tree,
  started: Partial<DotnetApp> = {},
  options: Partial<ReachOptions> = {},
  runtime?: Pick<ChosenRuntime, 'root' | 'parts'>,
): readonly string[] {
  const merged = { ...self, ...started };
  const chosen =
    runtime &&
    ({ ...runtime, from: 'image', path: runtime.root, hostfxr: '10.0.1', frameworks: [] } as const);
  const { tree: kept } = reachable(
    tree,
    contents,
    {
      app: merged,
      runtime: chosen && { ...chosen, files: filesOfTree(tree, contents) },
      program: merged.executable,
    },
    { keep: [], drop: [], ...options },
  );
  return [...walkTree(kept)].flatMap(({ path, node }) => (node.kind === 'directory' ? [] : [path]));
}

describe('reachable', () => {
  test('keeps the app and what it needs, and leaves out the distribution', () => {
    const tree = treeOf({
      '/app/run': { needed: ['libone.so.1', 'libc.so.6'] },
      '/app/wwwroot/index.html': 'hello',
      '/usr/lib/libone.so.1': '-> x86_64-linux-gnu/libone.so.1.2',
      '/usr/lib/libother.so': {},
      '/usr/lib/x86_64-linux-gnu/libone.so.1.2': { needed: ['libtwo.so'] },
      '/usr/lib/libtwo.so': {},
      '/usr/bin/apt': {},
      '/var/lib/dpkg/status': 'Package: apt',
      '/etc/passwd': 'root',
      '/etc/shadow': 'root',
      '/etc/ssl/certs/one.pem': '-> /usr/share/ca-certificates/one.crt',
      '/usr/share/ca-certificates/one.crt': 'CERTIFICATE',
      '/usr/share/zoneinfo/UTC': 'TZif',
      '/usr/share/zoneinfo/right/UTC': 'TZif',
      '/etc/localtime': '-> /usr/share/zoneinfo/UTC',
      '/data/model.bin': 'weights',
      '/lib': '-> usr/lib',
      '/bin': '-> usr/bin',
    });
    expect(pathsOf(tree)).toEqual([
      '/app/run',
      '/app/wwwroot/index.html',
      '/data/model.bin',
      '/etc/localtime',
      '/etc/passwd',
      '/etc/ssl/certs/one.pem',
      '/lib',
      '/usr/lib/libone.so.1',
      '/usr/lib/libtwo.so',
      '/usr/lib/x86_64-linux-gnu/libone.so.1.2',
      '/usr/share/ca-certificates/one.crt',
      '/usr/share/zoneinfo/UTC',
    ]);
  });

  test.each([
    ['nothing', {}, []],
    ['a variable', { env: new Map([['DOTNET_GCName', 'libclrgc.so']]) }, ['/app/libclrgc.so']],
    ['a setting', { properties: new Map([['System.GC.Path', '/x']]) }, ['/app/libclrgc.so']],
  ])('keeps other garbage collectors when %s asks for one', (_what, asking, kept) => {
    const tree = treeOf({ '/app/libclrgc.so': {}, '/app/run': {} });
    expect(pathsOf(tree, asking)).toEqual([...kept, '/app/run']);
  });

  test('keeps GSSAPI, which .NET opens by name, and what it needs (DOTNET.md 4.2)', () => {
    const lib = '/usr/lib/x86_64-linux-gnu';
    const gssapi = {
      '/usr/lib/libgssapi_krb5.so.2': `-> ${lib}/libgssapi_krb5.so.2.2`,
      '/usr/lib/libk5crypto.so.3': {},
      [`${lib}/libgssapi_krb5.so.2.2`]: { needed: ['libk5crypto.so.3'] },
    };
    const unused = { '/usr/lib/libkadm5srv.so.12': {} };
    const managed = treeOf({ ...gssapi, ...unused, '/app/web.dll': 'MZ' });
    expect(pathsOf(managed, app)).toEqual(['/app/web.dll', ...Object.keys(gssapi)]);
    const native = { ...gssapi, ...unused, '/app/run': {} };
    expect(pathsOf(treeOf(native))).toEqual(['/app/run']);
    const program = buildElf({ data: Buffer.from('libgssapi_krb5.so.2\0') });
    expect(pathsOf(treeOf({ ...native, '/app/run': program }))).toEqual([
      '/app/run',
      ...Object.keys(gssapi),
    ]);
  });

  test('keeps the modules of OpenSSL where OpenSSL is loaded, and nowhere else', () => {
    const lib = '/usr/lib/x86_64-linux-gnu';
    const files = {
      '/usr/lib/libcrypto.so.3': `-> ${lib}/libcrypto.so.3`,
      [`${lib}/libcrypto.so.3`]: {},
      [`${lib}/ossl-modules/legacy.so`]: { needed: ['libz.so.1'] },
      '/usr/lib/libz.so.1': {},
    };
    const unlinked = pathsOf(treeOf({ ...files, '/app/run': {} }));
    expect(unlinked).toEqual(['/app/run']);
    const linked = pathsOf(treeOf({ ...files, '/app/run': { needed: ['libcrypto.so.3'] } }));
    expect(linked).toEqual(['/app/run', ...Object.keys(files)].sort());
  });

  test('keeps of a shared folder only the files of the app when it lies there', () => {
    const tree = treeOf({
      '/usr/bin/run': {},
      '/usr/bin/run.dbg': '',
      '/usr/bin/runner': {},
      '/run.sh': '#!/bin/sh',
    });
    expect(pathsOf(tree, { executable: '/usr/bin/run', workingDirectory: '/' })).toEqual([
      '/run.sh',
      '/usr/bin/run',
      '/usr/bin/run.dbg',
    ]);
  });

  test('leaves out other versions of the runtime and parts for debuggers, and tells deps.json', () => {
    const assets = { 'libcoreclr.so': {}, createdump: {}, 'libmscordbi.so': {} };
    const deps = { targets: { '.NETCoreApp,Version=v10.0': { base: { native: assets } } } };
    const base = '/usr/share/dotnet/shared/Microsoft.NETCore.App';
    const tree = treeOf({
      '/app/web.dll': '',
      '/usr/share/dotnet/dotnet': {},
      '/usr/share/dotnet/LICENSE.txt': '',
      '/usr/share/dotnet/sdk/10.0.1/dotnet.dll': '',
      [`${base}/10.0.1/libcoreclr.so`]: {},
      [`${base}/10.0.1/libmscordbi.so`]: {},
      [`${base}/10.0.1/createdump`]: {},
      [`${base}/10.0.1/Microsoft.NETCore.App.deps.json`]: JSON.stringify(deps),
      [`${base}/8.0.1/libcoreclr.so`]: {},
      '/usr/bin/dotnet': '-> /usr/share/dotnet/dotnet',
    });
    const parts = ['dotnet', 'shared/Microsoft.NETCore.App/10.0.1'];
    const runtime = {
      from: 'image',
      root: '/usr/share/dotnet',
      path: '/usr/share/dotnet',
      files: filesOfTree(tree, contents),
      hostfxr: '10.0.1',
      frameworks: [],
      parts,
    } as const;
    const started = { app, runtime, program: '/usr/share/dotnet/dotnet' };
    const { tree: kept, dropped } = reachable(tree, contents, started, { keep: [], drop: [] });
    const paths = [...walkTree(kept)].filter(({ node }) => node.kind !== 'directory');
    expect(paths.map(({ path }) => path)).toEqual([
      '/app/web.dll',
      '/usr/bin/dotnet',
      '/usr/share/dotnet/dotnet',
      `${base}/10.0.1/Microsoft.NETCore.App.deps.json`,
      `${base}/10.0.1/libcoreclr.so`,
    ]);
    expect(dropped.debugger?.files).toBe(2);
    expect(dropped['other-runtime']?.files).toBe(3);
    const edited = lookup(kept, `${base}/10.0.1/Microsoft.NETCore.App.deps.json`)?.node;
    if (edited?.kind !== 'file') throw new Error('no deps.json');
    const text = Buffer.from(readFile(contents, edited, 1 << 20)).toString();
    expect(JSON.parse(text).targets['.NETCoreApp,Version=v10.0'].base.native).toEqual({
      'libcoreclr.so': {},
    });
  });

  test('leaves out of an app what is for other platforms, symbols and documentation (DOTNET.md 6)', () => {
    const tree = treeOf({
      '/app/run': {},
      '/app/a.dll': '',
      '/app/a.pdb': '',
      '/app/a.xml': '',
      '/app/settings.xml': '',
      '/app/runtimes/linux-x64/native/libn.so': {},
      '/app/runtimes/unix/lib/net8.0/u.dll': '',
      '/app/runtimes/linux-arm64/native/libn.so': {},
      '/app/runtimes/linux-musl-x64/native/libn.so': {},
      '/app/runtimes/win-x64/native/n.dll': '',
    });
    expect(pathsOf(tree)).toEqual([
      '/app/a.dll',
      '/app/run',
      '/app/runtimes/linux-x64/native/libn.so',
      '/app/runtimes/unix/lib/net8.0/u.dll',
      '/app/settings.xml',
    ]);
  });

  test('keeps what .NET opens by name, and no ICU when cultures are invariant', () => {
    const tree = treeOf({
      '/app/run': {},
      '/usr/lib/libicuuc.so.72': { needed: ['libicudata.so.72'] },
      '/usr/lib/libicudata.so.72': {},
      '/usr/lib/libssl.so.3': { needed: ['libcrypto.so.3'] },
      '/usr/lib/libcrypto.so.3': {},
      '/usr/lib/libperl.so': {},
    });
    const managed = { kind: 'self-contained' } as const;
    expect(pathsOf(tree, managed)).toEqual([
      '/app/run',
      '/usr/lib/libcrypto.so.3',
      '/usr/lib/libicudata.so.72',
      '/usr/lib/libicuuc.so.72',
      '/usr/lib/libssl.so.3',
    ]);
    expect(pathsOf(tree, { ...managed, invariantGlobalization: true })).not.toContain(
      '/usr/lib/libicuuc.so.72',
    );
    const env = new Map([['DOTNET_SYSTEM_GLOBALIZATION_INVARIANT', '1']]);
    expect(pathsOf(tree, { ...managed, env })).not.toContain('/usr/lib/libicuuc.so.72');
    expect(pathsOf(tree)).toEqual(['/app/run']);
  });

  test('keeps for a Native AOT program what its own bytes name', () => {
    const tree = treeOf({
      '/app/run': { data: Buffer.from('\0libssl.so.3\0') },
      '/usr/lib/libicuuc.so.72': {},
      '/usr/lib/libssl.so.3': {},
      '/usr/lib/libcrypto.so.3': {},
    });
    expect(pathsOf(tree)).toEqual(['/app/run', '/usr/lib/libcrypto.so.3', '/usr/lib/libssl.so.3']);
  });

  test('keeps and leaves out what it is told', () => {
    const tree = treeOf({
      '/app/run': {},
      '/app/docs/a.md': '',
      '/usr/share/fonts/a.ttf': '',
      '/usr/share/fonts/b.ttf': '',
    });
    const options = { keep: ['/usr/share/fonts'], drop: ['/app/docs', 'b.*'] };
    expect(pathsOf(tree, {}, options)).toEqual(['/app/run', '/usr/share/fonts/a.ttf']);
    expect(() => pathsOf(tree, {}, { drop: ['/app/**'] })).toThrow(/found the program \/app\/run/);
  });

  test('keeps folders that are expected to be there, and no others that are empty', () => {
    const tree = treeOf({
      '/app/run': {},
      '/app/logs': null,
      '/data/cache': null,
      '/tmp': null,
      '/work/dir': null,
      '/usr/games': null,
    });
    const started = { app: { ...self, workingDirectory: '/work/dir' }, runtime: undefined };
    const { tree: kept } = reachable(
      tree,
      contents,
      { ...started, program: '/app/run' },
      { keep: [], drop: [] },
    );
    const folders = [...walkTree(kept)].filter(({ node }) => node.kind === 'directory');
    expect(folders.map(({ path }) => path)).toEqual([
      '/',
      '/app',
      '/app/logs',
      '/data',
      '/data/cache',
      '/tmp',
      '/work',
      '/work/dir',
    ]);
  });
});

test('matcherOf matches whole components, and names anywhere without a slash', () => {
  const matches = matcherOf(['/a/*/c', '*.map', '/x/**/z?']);
  const paths = ['/a/b/c', '/a/b/c/d', '/a/b/cd', '/a/b/b/c', '/q/w.map', '/x/1/2/zz', '/x/z'];
  expect(paths.map(matches)).toEqual([true, true, false, false, true, true, false]);
});

test.each([
  ['linux-x64', false],
  ['unix', false],
  ['any', false],
  ['debian.12-x64', false],
  ['linux-musl-x64', true],
  ['linux-arm64', true],
  ['ubuntu.22.04-arm64', true],
  ['win', true],
  ['osx.13-arm64', true],
  ['browser-wasm', true],
])('isOtherRid says of %s: %s', (rid, isOther) => {
  expect(isOtherRid(rid, 'x64')).toBe(isOther);
});

describe('withoutAssets', () => {
  const deps = readFileSync(join(top, 'fixtures/apps/web/publish/web.deps.json'));

  test('changes nothing when nothing is gone, or it is no JSON', () => {
    expect(withoutAssets(deps, () => false)).toBeUndefined();
    expect(withoutAssets(Buffer.from('{'), () => true)).toBeUndefined();
    expect(withoutAssets(Buffer.from('[1, null, {"targets": 3}]'), () => true)).toBeUndefined();
  });

  test('takes assets away by the path they have beside it', () => {
    const document = {
      targets: {
        t: {
          'a/1.0': {
            runtime: { 'lib/net8.0/a.dll': {}, 'b.dll': {} },
            resources: { 'lib/net8.0/fr/a.resources.dll': {}, 'de/a.resources.dll': {} },
          },
        },
      },
      libraries: { 'a/1.0': {} },
    };
    const gone = new Set(['a.dll', 'fr/a.resources.dll']);
    const bytes = Buffer.from(JSON.stringify(document));
    const edited = withoutAssets(bytes, (path) => gone.has(path));
    expect(JSON.parse(Buffer.from(edited ?? []).toString())).toEqual({
      targets: {
        t: { 'a/1.0': { runtime: { 'b.dll': {} }, resources: { 'de/a.resources.dll': {} } } },
      },
      libraries: { 'a/1.0': {} },
    });
  });
});
