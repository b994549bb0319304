import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { top } from '../../support/top.ts';
import { zstdStored } from './databases.ts';
import { debian, type Files, inventoryOf, purlsOf, zlib } from './taken.ts';

function published(app: string, name: string): Buffer {
  return readFileSync(join(top, 'fixtures/apps', app, 'publish', name));
}

const sha512 = `sha512-${Buffer.alloc(64, 7).toString('base64')}`;

/** Every type of library that the SDK writes. */
const depsJson = JSON.stringify({
  runtimeTarget: { name: '.NETCoreApp,Version=v10.0/linux-x64', signature: '' },
  targets: {
    '.NETCoreApp,Version=v10.0': {},
    '.NETCoreApp,Version=v10.0/linux-x64': {
      'web/1.0.0': {
        dependencies: {
          Serilog: '4.0.0',
          Shared: '1.0.0',
          'Meta.Package': '1.0.0',
          'runtimepack.Microsoft.NETCore.App.Runtime.linux-x64': '10.0.12',
          'Not.There': '1.0.0',
        },
        runtime: { 'web.dll': {} },
      },
      'Serilog/4.0.0': { runtime: { 'lib/net8.0/Serilog.dll': {} } },
      'Meta.Package/1.0.0': { dependencies: { serilog: '4.0.0' } },
      'Shared/1.0.0': { runtime: { 'Shared.dll': {} } },
      'runtimepack.Microsoft.NETCore.App.Runtime.linux-x64/10.0.12': {
        runtime: { 'System.Runtime.dll': {} },
      },
    },
  },
  libraries: {
    'web/1.0.0': { type: 'project', serviceable: false, sha512: '' },
    'runtimepack.Microsoft.NETCore.App.Runtime.linux-x64/10.0.12': {
      type: 'runtimepack',
      serviceable: false,
      sha512: '',
    },
    'Serilog/4.0.0': { type: 'package', serviceable: true, sha512, path: 'serilog/4.0.0' },
    'Meta.Package/1.0.0': { type: 'package', serviceable: true, sha512: 'sha512-short' },
    'Shared/1.0.0': { type: 'project', serviceable: false, sha512: '' },
    'Vendor/2.0.0.0': { type: 'reference', serviceable: false, sha512: '' },
    'System.Buffers/4.0.0.0': { type: 'referenceassembly', serviceable: false, sha512: '' },
  },
});

describe('takeInventory of .NET', () => {
  it('takes packages, packs, projects and references of a deps.json (DOTNET.md 2.7)', async () => {
    const { components } = await inventoryOf({ '/app/web.deps.json': `\ufeff${depsJson}` });
    const foundIn = ['/app/web.deps.json'];
    const pack = 'Microsoft.NETCore.App.Runtime.linux-x64';
    const assembly = { kind: 'assembly', foundIn, dependsOn: [] };
    expect(components).toEqual([
      { ...assembly, ref: '/app/web.deps.json#Shared@1.0.0', name: 'Shared', version: '1.0.0' },
      { ...assembly, ref: '/app/web.deps.json#Vendor@2.0.0.0', name: 'Vendor', version: '2.0.0.0' },
      {
        ref: '/app/web.deps.json#web@1.0.0',
        kind: 'application',
        name: 'web',
        version: '1.0.0',
        foundIn,
        dependsOn: [
          '/app/web.deps.json#Shared@1.0.0',
          'pkg:nuget/Meta.Package@1.0.0',
          `pkg:nuget/${pack}@10.0.12`,
          'pkg:nuget/Serilog@4.0.0',
        ],
      },
      {
        ref: 'pkg:nuget/Meta.Package@1.0.0',
        kind: 'nuget',
        name: 'Meta.Package',
        version: '1.0.0',
        purl: 'pkg:nuget/Meta.Package@1.0.0',
        foundIn,
        dependsOn: ['pkg:nuget/Serilog@4.0.0'],
        empty: true,
      },
      {
        ref: `pkg:nuget/${pack}@10.0.12`,
        kind: 'framework',
        name: pack,
        version: '10.0.12',
        purl: `pkg:nuget/${pack}@10.0.12`,
        foundIn,
        dependsOn: [],
      },
      {
        ref: 'pkg:nuget/Serilog@4.0.0',
        kind: 'nuget',
        name: 'Serilog',
        version: '4.0.0',
        purl: 'pkg:nuget/Serilog@4.0.0',
        checksum: { algorithm: 'SHA-512', value: '07'.repeat(64) },
        foundIn,
        dependsOn: [],
      },
    ]);
  });

  it('takes the version of a shared framework from its folder', async () => {
    const frameworkOf = (library: string) =>
      JSON.stringify({
        libraries: { [library]: { type: 'package', serviceable: true, sha512: '' } },
      });
    const folder = '/usr/share/dotnet/shared/Microsoft.NETCore.App';
    const inventory = await inventoryOf({
      [`${folder}/5.0.17/Microsoft.NETCore.App.deps.json`]: frameworkOf(
        'Microsoft.NETCore.App/5.0.17-servicing.22213.14',
      ),
      [`${folder}/10.0.12/Microsoft.NETCore.App.deps.json`]: frameworkOf(
        'Microsoft.NETCore.App.Runtime.linux-x64/10.0.12',
      ),
    });
    expect(inventory.components.map(({ kind }) => kind)).toEqual(['framework', 'framework']);
    expect(purlsOf(inventory)).toEqual([
      'pkg:nuget/Microsoft.NETCore.App.Runtime.linux-x64@10.0.12',
      'pkg:nuget/Microsoft.NETCore.App@5.0.17',
    ]);
  });

  it('puts together what several files tell of one package', async () => {
    const { components } = await inventoryOf({
      '/a/web.deps.json': depsJson,
      '/b/web.deps.json': depsJson,
    });
    const serilog = components.filter(({ name }) => name === 'Serilog');
    expect(serilog).toHaveLength(1);
    expect(serilog[0]?.foundIn).toEqual(['/a/web.deps.json', '/b/web.deps.json']);
    expect(components.filter(({ name }) => name === 'Shared')).toHaveLength(2);
  });

  it('finds the libraries in a single-file app', async () => {
    const { components, unread } = await inventoryOf({
      '/app/console': published('console-singlefile', 'console'),
    });
    expect(unread).toEqual([]);
    expect(components).toEqual([
      expect.objectContaining({
        kind: 'application',
        name: 'console',
        foundIn: ['/app/console!console.deps.json'],
      }),
    ]);
  });

  it('finds the compiler of a Native AOT program, where it says one (DOTNET.md 1.3)', async () => {
    const silent = published('hello-aot', 'hello-aot');
    const bytes = Buffer.from(silent);
    bytes.write('.NET: ilc 10.0.12-servicing\0', bytes.indexOf('GCC: (Debian'));
    const { components } = await inventoryOf({ '/app/a': bytes, '/app/b': silent });
    expect(components).toEqual([
      expect.objectContaining({
        kind: 'framework',
        purl: 'pkg:nuget/Microsoft.DotNet.ILCompiler@10.0.12',
        foundIn: ['/app/a'],
      }),
    ]);
  });

  it('ends with components or reasons whatever bytes of the files are changed', async () => {
    const samples: Files = {
      '/app/web.deps.json': depsJson,
      '/app/console': published('console-singlefile', 'console'),
      '/var/lib/dpkg/status': zlib,
      '/var/lib/chisel/manifest.wall': zstdStored('{"jsonwall":"1.0"}\n{"kind":"package"}\n'),
      '/etc/os-release': 'ID=debian\nVERSION_ID="12"\n',
    };
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...Object.keys(samples)),
        fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(255)), {
          minLength: 1,
          maxLength: 30,
        }),
        async (path, changes) => {
          const bytes = Buffer.from(samples[path] ?? '');
          for (const [at, value] of changes) bytes[Math.floor(at * bytes.length)] = value;
          const { components, unread } = await inventoryOf({ ...debian, [path]: bytes });
          for (const { ref } of components) expect(ref).not.toBe('');
          expect(unread.map((one) => one.path.split('!')[0])).toEqual(unread.length ? [path] : []);
        },
      ),
      { numRuns: 300 },
    );
  });
});
