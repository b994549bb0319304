import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { describeApp } from '../../../src/dotnet/describe.ts';
import { launchOf } from '../../../src/dotnet/launch.ts';
import { ConvertError } from '../../../src/error.ts';
import { buildElf } from '../elf/elf-builder.ts';
import {
  apphostData,
  configOf,
  core,
  describeImage,
  failureOf,
  type ImageFiles,
  managed,
  muslElf,
  noContents,
  ownRuntime,
  runtimeconfig,
  selfContained,
  singleFile,
  treeOf,
} from './image-builder.ts';

const failure = (files: ImageFiles, config: Parameters<typeof describeImage>[1]) =>
  failureOf(() => describeImage(files, config));

describe('describeApp', () => {
  test.each<[string, ImageFiles, readonly string[], string]>([
    [
      'an app for arm64',
      {
        '/app/app': buildElf({ machine: 183, data: apphostData(0, 'app.dll') }),
        '/app/app.dll': 'MZ',
        ...ownRuntime(),
      },
      ['/app/app'],
      'for arm64, wanted x64',
    ],
    [
      'an apphost without a name',
      {
        '/app/app': buildElf({
          data: Buffer.concat([
            apphostData(0, 'x'),
            Buffer.from('c3ab8ff13720e8ad9047dd39466b3c8974e592c2fa383d4a3960714caef0c4f2'),
          ]),
        }),
      },
      ['/app/app'],
      'never bound',
    ],
    [
      'an apphost without its assembly',
      { '/app/app': buildElf({ data: apphostData(0, 'gone.dll') }) },
      ['/app/app'],
      'gone.dll',
    ],
    [
      'an assembly without its runtimeconfig',
      { '/app/app.dll': 'MZ' },
      ['dotnet', '/app/app.dll'],
      'there is no /app/app.runtimeconfig.json',
    ],
    [
      'a self-contained app without its runtime',
      managed('app', { includedFrameworks: [core('8.0.0')] }),
      ['dotnet', '/app/app.dll'],
      'no libhostpolicy.so',
    ],
    [
      'a self-contained app and no dotnet that it is started with',
      selfContained(),
      ['dotnet', '/app/app.dll'],
      'no dotnet to start it',
    ],
    [
      'a self-contained app for Alpine',
      { ...selfContained(), '/app/libcoreclr.so': buildElf(muslElf) },
      ['/app/app'],
      'linked to musl, wanted glibc',
    ],
    [
      'a Native AOT program for Alpine',
      { '/app/app': buildElf({ ...muslElf, sections: ['__managedcode', '.hydrated'] }) },
      ['/app/app'],
      'linked to musl',
    ],
    [
      'a single file for Alpine',
      { '/app/app': singleFile(6, [], muslElf) },
      ['/app/app'],
      'linked to musl',
    ],
    [
      'a bundle of another version',
      { '/app/app': singleFile(7, []) },
      ['/app/app'],
      'bundle version 7',
    ],
    [
      'a bundle cut off',
      { '/app/app': buildElf({ data: apphostData(1 << 30, 'x') }) },
      ['/app/app'],
      'outside the file',
    ],
    [
      'a bundled file outside the app',
      { '/app/app': singleFile(6, [{ path: '../../etc/passwd', type: 2, bytes: 'x' }]) },
      ['/app/app'],
      'lies outside the app',
    ],
    [
      'a damaged program',
      { '/app/app': buildElf().subarray(0, 200) },
      ['/app/app'],
      'ELF file is damaged',
    ],
  ])('refuses %s', (_, image, Cmd, shown) => {
    const { code, message } = failure(image, { Cmd });
    expect(code).toBe('APP_INVALID');
    expect(message).toContain(shown);
  });

  const twice = [core('8.0.0'), core('8.0.0')];

  test.each<[string, string]>([
    ['that is no JSON', '{'],
    ['without runtimeOptions', '{}'],
    ['with a list of frameworks that is none', runtimeconfig({ frameworks: core('8.0.0') })],
    ['with a framework without version', runtimeconfig({ framework: { name: 'A' } })],
    ['with a name that is none', runtimeconfig({ framework: { name: 5, version: '1.0.0' } })],
    ['with probing paths of another kind', runtimeconfig({ additionalProbingPaths: {} })],
    ['with an included framework twice', runtimeconfig({ includedFrameworks: twice })],
    ['with a tfm of another kind', runtimeconfig({ tfm: 8, framework: core('8.0.0') })],
    ['with properties of another kind', runtimeconfig({ configProperties: 'none' })],
    ['without any framework', runtimeconfig({ frameworks: [] })],
    [
      'with a legacy setting of another kind',
      runtimeconfig({ framework: { ...core('8.0.0'), rollForwardOnNoCandidateFx: '2' } }),
    ],
  ])('names the file when the runtimeconfig is one %s', (_, config) => {
    const image = { '/app/app.dll': 'MZ', '/app/app.runtimeconfig.json': config };
    const { code, message } = failure(image, { Cmd: ['dotnet', '/app/app.dll'] });
    expect(code).toBe('RUNTIMECONFIG_INVALID');
    expect(message).toContain('/app/app.runtimeconfig.json: ');
  });

  test('names the variable when it holds what the host refuses', () => {
    const image = managed('app', { framework: core('8.0.0') });
    expect(
      failure(image, { Cmd: ['dotnet', '/app/app.dll'], Env: ['DOTNET_ROLL_FORWARD=Sideways'] }),
    ).toMatchObject({
      code: 'RUNTIMECONFIG_INVALID',
      message: expect.stringContaining('DOTNET_ROLL_FORWARD="Sideways"'),
    });
  });

  test('runs the assembly when only the apphost is for Alpine', () => {
    const image = {
      ...managed('app', { framework: core('8.0.0') }),
      '/app/app': buildElf({ ...muslElf, data: apphostData(0, 'app.dll') }),
    };
    const app = describeImage(image, { Entrypoint: ['/app/app'] });
    expect(app.evidence.at(-1)).toContain('musl');
    expect(launchOf(app, '/usr/share/dotnet').args).toEqual(['/app/app.dll']);
  });

  test('ends in an app or an error of its own for any change to a bundle', () => {
    const sample = singleFile(6, [
      { path: 'app.dll', type: 1, bytes: 'MZ' },
      {
        path: 'app.runtimeconfig.json',
        type: 4,
        bytes: runtimeconfig({ framework: core('8.0.0') }),
      },
    ]);
    const config = configOf({ Entrypoint: ['/app/app'] });
    const changes = fc.array(fc.tuple(fc.nat(sample.length - 1), fc.nat(255)), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(changes, fc.option(fc.nat(sample.length)), (bytes, end) => {
        const changed = Uint8Array.from(sample);
        for (const [at, value] of bytes) {
          changed[at] = value;
        }
        const tree = treeOf({ '/app/app': end === null ? changed : changed.subarray(0, end) });
        try {
          describeApp(tree, noContents, config);
        } catch (error) {
          expect(error).toBeInstanceOf(ConvertError);
        }
      }),
      { numRuns: 1500, seed: 7 },
    );
  });
});
