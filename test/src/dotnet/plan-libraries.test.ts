import { describe, expect, test } from 'vitest';
import { chooseRuntime } from '../../../src/dotnet/choose.ts';
import { filesOfTree } from '../../../src/dotnet/files.ts';
import {
  type LibraryPlan,
  librariesOfRuntime,
  planLibraries,
} from '../../../src/dotnet/libraries.ts';
import { findDotnetFolders } from '../../../src/dotnet/runtimes.ts';
import { wholeRuntime } from '../../../src/dotnet/whole-runtime.ts';
import { buildElf } from '../elf/elf-builder.ts';
import { asks, nothing } from './host-runtimes.ts';
import {
  describeImage,
  failureOf,
  type ImageFiles,
  muslElf,
  noContents,
  runtime,
  singleFile,
  treeOf,
} from './image-builder.ts';

const libraries = (...sonames: string[]): ImageFiles =>
  Object.fromEntries(
    sonames.map((soname) => [`/usr/lib/x86_64-linux-gnu/${soname}`, buildElf({ soname })]),
  );

describe('planLibraries', () => {
  const plan = (image: ImageFiles, host: ImageFiles, app = asks('8.0.0')) => {
    const tree = treeOf(image);
    const chosen = chooseRuntime(app, tree, noContents, { source: 'image', hostEnv: nothing });
    const files = filesOfTree(tree, noContents);
    return planLibraries(app, chosen, files, filesOfTree(treeOf(host), noContents));
  };
  const image = runtime({ core: ['8.0.4'] });

  test('adds nothing where the image has all, wherever its distribution keeps them', () => {
    const own = {
      ...image,
      '/usr/lib64/libstdc++.so.6': { link: 'libstdc++.so.6.0.30' },
      '/usr/lib64/libstdc++.so.6.0.30': buildElf(),
      '/lib64': { link: 'usr/lib64' },
      ...libraries('libgcc_s.so.1', 'libssl.so.3', 'libcrypto.so.3'),
    };
    expect(plan(own, libraries('libstdc++.so.6', 'libgcc_s.so.1'))).toEqual({
      added: [],
      missing: [],
      hasOpenssl: true,
    });
  });

  test("takes what the image lacks from the host, and what that needs, but never the kernel's", () => {
    const host = {
      ...libraries('libgcc_s.so.1', 'libssl.so.3', 'libz.so.1', 'libc.so.6'),
      '/usr/lib/x86_64-linux-gnu/libstdc++.so.6': buildElf({
        needed: ['libgcc_s.so.1', 'libm.so.6'],
      }),
      '/usr/lib/x86_64-linux-gnu/libcrypto.so.3': buildElf({ needed: ['libz.so.1', 'libc.so.6'] }),
    };
    const { added, missing } = plan(image, host);
    expect(added.map(({ soname, from, path }) => [soname, from, path])).toEqual(
      ['libcrypto.so.3', 'libgcc_s.so.1', 'libssl.so.3', 'libstdc++.so.6', 'libz.so.1'].map(
        (soname) => [soname, 'host', `/usr/lib/x86_64-linux-gnu/${soname}`],
      ),
    );
    expect(missing).toEqual([]);
  });

  test('finds what the image itself has in /usr/local/lib, which wins as for its own loader', () => {
    const own = {
      ...image,
      ...libraries('libgcc_s.so.1', 'libssl.so.3', 'libcrypto.so.3'),
      '/usr/local/lib/libstdc++.so.6': buildElf(),
    };
    expect(plan(own, libraries('libstdc++.so.6'))).toEqual({
      added: [],
      missing: [],
      hasOpenssl: true,
    });
  });

  test('fails for what a required library lacks though an optional one lacks it too', () => {
    const own = {
      ...image,
      '/app/libextra.so': buildElf({ needed: ['libnowhere.so.1'] }),
      ...libraries('libgcc_s.so.1', 'libssl.so.3', 'libcrypto.so.3'),
      '/usr/lib/x86_64-linux-gnu/libstdc++.so.6': buildElf({ needed: ['libnowhere.so.1'] }),
    };
    expect(failureOf(() => plan(own, {}))).toMatchObject({ code: 'LIBRARY_NOT_FOUND' });
  });

  test('passes over libraries for another machine or C library', () => {
    const host = {
      ...libraries('libgcc_s.so.1'),
      '/usr/lib/x86_64-linux-gnu/libstdc++.so.6': buildElf(muslElf),
      '/usr/lib64/libstdc++.so.6': buildElf({ machine: 3 }),
      '/usr/lib/libstdc++.so.6': buildElf(),
    };
    expect(plan(image, host).added).toContainEqual(
      expect.objectContaining({ soname: 'libstdc++.so.6', path: '/usr/lib/libstdc++.so.6' }),
    );
  });

  test('names the library, who needs it and its package when .NET cannot start', () => {
    const error = failureOf(() => plan(image, libraries('libgcc_s.so.1')));
    expect(error.code).toBe('LIBRARY_NOT_FOUND');
    expect(error.message).toBe(
      'collecting native libraries: /usr/share/dotnet/dotnet needs libstdc++.so.6, found neither in the image nor on this host, wanted one for x64 and glibc',
    );
    expect(error.hint).toBe('apt-get install libstdc++6, here or in the image');
    const app = describeImage(
      { '/app/app': singleFile(6, [], { needed: ['libodd.so.7'] }) },
      { Cmd: ['/app/app'] },
    );
    expect(
      failureOf(() => plan({ '/app/app': singleFile(6, [], { needed: ['libodd.so.7'] }) }, {}, app))
        .hint,
    ).toBe('install the package that has libodd.so.7, here or in the image');
  });

  test('tells what only some apps use and nobody has, and follows $ORIGIN', () => {
    const app = {
      ...image,
      '/app/libnative.so': buildElf({
        needed: ['libbeside.so', 'libgone.so.1'],
        runpath: '$ORIGIN/lib',
      }),
      '/app/lib/libbeside.so': buildElf({ needed: ['libz.so.1'] }),
    };
    const { added, missing, hasOpenssl } = plan(
      app,
      libraries('libstdc++.so.6', 'libgcc_s.so.1', 'libz.so.1'),
    );
    expect(added.map(({ soname }) => soname)).toEqual([
      'libgcc_s.so.1',
      'libstdc++.so.6',
      'libz.so.1',
    ]);
    expect(missing).toEqual([
      { soname: 'libgone.so.1', neededBy: '/app/libnative.so', required: false },
    ]);
    expect(hasOpenssl).toBe(false);
  });

  describe('where libraries of the host say by a RUNPATH where others are', () => {
    const shared = '/usr/share/dotnet/shared/Microsoft.NETCore.App/8.0.4';
    const usual = {
      ...runtime({ core: ['8.0.4'] }),
      ...libraries('libstdc++.so.6', 'libgcc_s.so.1'),
    };
    const fromHost = (host: ImageFiles, image: ImageFiles = {}) => {
      const files = filesOfTree(treeOf(host), noContents);
      const app = asks('8.0.0');
      const [folder] = findDotnetFolders(files, new Map());
      if (folder === undefined) throw new Error('the host has a runtime');
      const chosen = wholeRuntime([{ from: 'host', files, folder }], 'host');
      return {
        build: planLibraries(app, chosen, filesOfTree(treeOf(image), noContents), files),
        kept: librariesOfRuntime(chosen, [], files),
      };
    };
    const named = (plan: Pick<LibraryPlan, 'added'>) =>
      plan.added.map(({ soname, from, path }) => [soname, from, path]);

    test('takes those that lie outside of all folders, and what they need', () => {
      const host = {
        ...usual,
        [`${shared}/libcoreclr.so`]: buildElf({ needed: ['libodd.so.1'], runpath: '/opt/odd/lib' }),
        '/opt/odd/lib/libodd.so.1': { link: '../real/libodd.so.1.2' },
        '/opt/odd/real/libodd.so.1.2': buildElf({
          needed: ['libfurther.so'],
          runpath: '$ORIGIN/../further',
        }),
        '/opt/odd/further/libfurther.so': buildElf(),
      };
      const { build, kept } = fromHost(host);
      for (const one of [build, kept]) {
        expect(named(one)).toContainEqual(['libodd.so.1', 'host', '/opt/odd/real/libodd.so.1.2']);
        expect(named(one)).toContainEqual([
          'libfurther.so',
          'host',
          '/opt/odd/further/libfurther.so',
        ]);
        expect(one.missing).toEqual([]);
      }
    });

    test('takes them before those of the usual folders, and those of the image before them', () => {
      const host = {
        ...usual,
        ...libraries('libodd.so.1'),
        [`${shared}/libcoreclr.so`]: buildElf({ needed: ['libodd.so.1'], runpath: '/opt' }),
        '/opt/libodd.so.1': buildElf(),
      };
      expect(named(fromHost(host).build)).toContainEqual([
        'libodd.so.1',
        'host',
        '/opt/libodd.so.1',
      ]);
      const { build } = fromHost(host, libraries('libodd.so.1'));
      expect(named(build).map(([soname]) => soname)).not.toContain('libodd.so.1');
    });

    test('leaves what lies in the folder of the runtime to come with it', () => {
      const host = {
        ...usual,
        [`${shared}/libcoreclr.so`]: buildElf({ needed: ['libbeside.so'], runpath: '$ORIGIN' }),
        [`${shared}/libbeside.so`]: buildElf(),
      };
      expect(named(fromHost(host).build).map(([soname]) => soname)).not.toContain('libbeside.so');
    });

    test('passes over those for another machine', () => {
      const host = {
        ...usual,
        ...libraries('libodd.so.1'),
        [`${shared}/libcoreclr.so`]: buildElf({ needed: ['libodd.so.1'], runpath: '/opt' }),
        '/opt/libodd.so.1': buildElf({ machine: 3 }),
      };
      expect(named(fromHost(host).build)).toContainEqual([
        'libodd.so.1',
        'host',
        '/usr/lib/x86_64-linux-gnu/libodd.so.1',
      ]);
    });
  });

  test.each([
    ['DOTNET_OPENSSL_VERSION_OVERRIDE=1.1', '1.1'],
    ['CLR_OPENSSL_VERSION_OVERRIDE=1.1', '1.1'],
    ['DOTNET_OPENSSL_VERSION_OVERRIDE=9.9', '3'],
    ['DOTNET_OPENSSL_VERSION_OVERRIDE=/../x', '3'],
  ])('takes with %s the OpenSSL of version %s (DOTNET.md 4.2)', (setting, version) => {
    const names = ['3', '1.1'].flatMap((one) => [`libssl.so.${one}`, `libcrypto.so.${one}`]);
    const host = libraries('libstdc++.so.6', 'libgcc_s.so.1', ...names);
    const { added } = plan(image, host, asks('8.0.0', [setting]));
    expect(added.map(({ soname }) => soname).filter((one) => /ssl|crypto/.test(one))).toEqual([
      `libcrypto.so.${version}`,
      `libssl.so.${version}`,
    ]);
  });

  test('goes on without GSSAPI, which .NET before 8 declares (DOTNET.md 4.1, 4.2)', () => {
    const name =
      '/usr/share/dotnet/shared/Microsoft.NETCore.App/8.0.4/libSystem.Net.Security.Native.so';
    const declaring = { ...image, [name]: buildElf({ needed: ['libgssapi_krb5.so.2'] }) };
    const soname = 'libgssapi_krb5.so.2';
    const usual = libraries('libstdc++.so.6', 'libgcc_s.so.1');
    expect(plan(declaring, usual).missing).toEqual([{ soname, neededBy: name, required: false }]);
    const { added, missing } = plan(declaring, { ...usual, ...libraries(soname) });
    expect([added.map((library) => library.soname), missing]).toEqual([
      ['libgcc_s.so.1', soname, 'libstdc++.so.6'],
      [],
    ]);
  });

  test('gives apps with their own runtime no OpenSSL of the host', () => {
    const app = describeImage({ '/app/app': singleFile(6, []) }, { Cmd: ['/app/app'] });
    const { added, hasOpenssl } = plan(
      { '/app/app': singleFile(6, []) },
      libraries('libssl.so.3', 'libcrypto.so.3'),
      app,
    );
    expect(added).toEqual([]);
    expect(hasOpenssl).toBe(false);
  });
});
