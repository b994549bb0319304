import { spawnSync } from 'node:child_process';
import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findHostRuntimes } from '../../../src/dotnet/runtimes.ts';
import { choose, home } from './host-runtimes.ts';
import {
  core,
  describeImage,
  failureOf,
  type ImageFiles,
  managed,
  runtime,
  runtimeconfig,
} from './image-builder.ts';

describe('runtimeconfig', () => {
  const described = (properties: Record<string, string>, dev: Record<string, string> = {}) =>
    describeImage(
      {
        ...managed('app', { framework: core('8.0.0'), configProperties: properties }),
        '/app/app.runtimeconfig.dev.json': runtimeconfig({ configProperties: dev }),
      },
      { Cmd: ['dotnet', '/app/app.dll'] },
    );

  const ofHost = [
    'APP_CONTEXT_BASE_DIRECTORY',
    'APP_CONTEXT_DEPS_FILES',
    'FX_DEPS_FILE',
    'NATIVE_DLL_SEARCH_DIRECTORIES',
    'PLATFORM_RESOURCE_ROOTS',
    'PROBING_DIRECTORIES',
    'TRUSTED_PLATFORM_ASSEMBLIES',
  ];
  const [host] = findHostRuntimes(process.env);

  test.skipIf(host === undefined)(
    'makes the host itself end with code 161 when it sets what that does (DOTNET.md 2.1, 2.8)',
    () => {
      const app = join(home, 'duplicate-property');
      cpSync('fixtures/apps/console/publish', app, { recursive: true });
      const codeWith = (property: string): number | null => {
        const options = {
          framework: core('10.0.0'),
          rollForward: 'LatestMajor',
          configProperties: { 'System.Globalization.Invariant': true, [property]: 'x' },
        };
        writeFileSync(join(app, 'console.runtimeconfig.json'), runtimeconfig(options));
        return spawnSync(`${host?.path}/dotnet`, [join(app, 'console.dll')]).status;
      };
      expect(ofHost.map(codeWith)).toEqual(ofHost.map(() => 161));
      expect(codeWith('TRUSTED_PLATFORM_ASSEMBLIES_X')).toBe(0);
    },
  );

  test.each(ofHost)(
    'is refused when it sets %s, which the host does itself (DOTNET.md 2.1)',
    (name) => {
      for (const both of [[{ [name]: 'x' }], [{}, { [name]: 'x' }]] as const) {
        expect(failureOf(() => described(both[0], both[1]))).toMatchObject({
          code: 'RUNTIMECONFIG_INVALID',
          message: expect.stringContaining(
            `found the property ${name}, which the host sets itself`,
          ),
        });
      }
    },
  );

  test('may set what only begins like a property of the host (DOTNET.md 2.1)', () => {
    const names = ['TRUSTED_PLATFORM_ASSEMBLIES_X', 'probing_directories'];
    const { properties } = described(Object.fromEntries(names.map((name) => [name, 'x'])));
    expect([...(properties?.keys() ?? [])]).toEqual(names);
  });

  const given = (files: ImageFiles, ...options: string[]) =>
    describeImage(
      { ...managed('app', { framework: core('8.0.0') }), ...files },
      { Cmd: ['dotnet', 'exec', ...options, '/app/app.dll'], WorkingDir: '/app' },
    );

  test.each(['--runtimeconfig', '--depsfile'])(
    'of another place, or a deps.json, must be there when %s names it',
    (option) => {
      expect(failureOf(() => given({}, option, 'other.json'))).toMatchObject({
        code: 'APP_INVALID',
        message: `reading the app: ${option} names /app/other.json, found no such file`,
        hint: `put the file into the image, or leave ${option} away`,
      });
    },
  );

  test('is read from where --runtimeconfig says', () => {
    const other = { '/app/other.json': runtimeconfig({ framework: core('9.0.0') }) };
    expect(given(other, '--runtimeconfig', 'other.json').frameworks).toMatchObject([core('9.0.0')]);
  });
});

describe('hostile runtimeconfig', () => {
  const refused = (text: string) =>
    failureOf(() =>
      describeImage(
        { '/app/app.dll': 'MZ', '/app/app.runtimeconfig.json': text },
        { Cmd: ['dotnet', '/app/app.dll'] },
      ),
    );

  test.each([
    ['comments', '/*'],
    ['texts', '"\\'],
  ])('is refused at once though millions of %s begin in it and none ends', (_, start) => {
    expect(refused(`{${start.repeat(2 << 20)}`)).toMatchObject({ code: 'RUNTIMECONFIG_INVALID' });
  });

  test('is refused at once though it asks for a quarter of a million frameworks', () => {
    const frameworks = Array.from({ length: 250_000 }, (_, at) => ({
      name: `F${at}`,
      version: '1.0.0',
    }));
    const { code, message } = refused(runtimeconfig({ frameworks }));
    expect(code).toBe('RUNTIMECONFIG_INVALID');
    expect(message.length).toBeLessThan(1000);
  });
});

describe('runtimeconfig of a framework', () => {
  test('is obeyed: what it asks for is chosen too', () => {
    const path = '/usr/share/dotnet/shared/Example.App/1.0.0';
    const image = {
      ...runtime({ core: ['8.0.4'] }),
      [`${path}/Example.App.deps.json`]: '{}',
      [`${path}/Example.App.runtimeconfig.json`]: runtimeconfig({ framework: core('8.0.0') }),
    };
    const app = describeImage(
      managed('app', { framework: { name: 'Example.App', version: '1.0.0' } }),
      {
        Cmd: ['dotnet', '/app/app.dll'],
      },
    );
    expect(choose(app, image, 'image')?.frameworks).toEqual([
      { name: 'Example.App', version: '1.0.0' },
      core('8.0.4'),
    ]);
  });
});
