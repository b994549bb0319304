import { describe, expect, test } from 'vitest';
import { buildElf } from '../elf/elf-builder.ts';
import { type AssemblyParts, buildAssembly } from './assembly-builder.ts';
import {
  apphostData,
  aspnet,
  core,
  describeImage,
  type ImageFiles,
  managed,
  published,
  runtimeconfig,
  singleFile,
} from './image-builder.ts';

const onCore = { framework: core('8.0.0') };
const Cmd = ['dotnet', '/app/app.dll'];

/** A framework-dependent app with this entry assembly. */
const appOf = (parts: AssemblyParts, others: ImageFiles = {}, options: object = onCore) =>
  describeImage(
    { ...managed('app', { ...options }), '/app/app.dll': buildAssembly(parts), ...others },
    { Cmd },
  );

/** A folder with its own runtime, of which nothing is there but names. */
const own = (files: ImageFiles = {}, options: object = { includedFrameworks: [core('8.0.3')] }) =>
  describeImage(
    {
      ...managed('app', { ...options }),
      '/app/app.deps.json': '{}',
      '/app/app': buildElf({ data: apphostData(0, 'app.dll') }),
      ...Object.fromEntries(
        ['libhostfxr.so', 'libhostpolicy.so', 'libcoreclr.so'].map((name) => [
          `/app/${name}`,
          buildElf(),
        ]),
      ),
      '/app/System.Private.CoreLib.dll': 'MZ',
      ...files,
    },
    { Cmd: ['/app/app'] },
  );

describe('the language of an app (DOTNET.md 1.4)', () => {
  test.each<[string, AssemblyParts, string, string]>([
    ['nothing marks another', {}, 'C#', 'no marks of F# or Visual Basic'],
    [
      "F#'s attribute is there",
      { types: ['Microsoft.FSharp.Core.FSharpInterfaceDataVersionAttribute'] },
      'F#',
      'refers to Microsoft.FSharp.Core.FSharpInterfaceDataVersionAttribute',
    ],
    [
      'it refers to FSharp.Core',
      { references: ['System.Runtime', 'FSharp.Core'] },
      'F#',
      'refers to FSharp.Core',
    ],
    [
      "it uses what Visual Basic's compiler does",
      { types: ['Microsoft.VisualBasic.CompilerServices.StandardModuleAttribute'] },
      'Visual Basic',
      'StandardModuleAttribute: Visual Basic',
    ],
    [
      'it only uses the library of Visual Basic',
      {
        references: ['Microsoft.VisualBasic.Core'],
        types: ['Microsoft.VisualBasic.FileIO.TextFieldParser'],
      },
      'C#',
      'no marks',
    ],
  ])('is told when %s', (_, parts, language, shown) => {
    const app = appOf(parts);
    expect(app.language).toBe(language);
    expect(app.evidence.at(-1)).toContain(`/app/app.dll`);
    expect(app.evidence.at(-1)).toContain(shown);
  });

  test('stays untold when the entry assembly cannot be read', () => {
    const app = describeImage(managed('app', onCore), { Cmd });
    expect(app.language).toBeUndefined();
    expect(app).toMatchObject({ readyToRun: 'no', trimmed: false, model: 'console' });
  });
});

describe('code compiled ahead of time (DOTNET.md 1.4)', () => {
  test.each<[string, AssemblyParts, string, string | undefined]>([
    ['there is none', {}, 'no', undefined],
    [
      'it is for x64 Linux',
      { machine: 0xfd1d, native: { flags: 3 } },
      'yes',
      'for x64 Linux (ReadyToRun)',
    ],
    [
      'it lies in a composite image',
      { machine: 0xfd1d, native: { flags: 0x23 } },
      'composite',
      'has its code in a composite ReadyToRun image: app.r2r.dll',
    ],
    ['it is for Windows', { machine: 0x8664, native: { flags: 3 } }, 'no', '0x8664, wanted 0xfd1d'],
    [
      'it is for arm64',
      { machine: 0xd11d, native: { flags: 3 } },
      'no',
      'compiled anew when it runs',
    ],
    [
      'the native header is of another kind',
      { native: { signature: 0x204e, flags: 0 } },
      'no',
      undefined,
    ],
  ])('is told when %s', (_, parts, readyToRun, shown) => {
    const app = appOf(parts, { '/app/app.r2r.dll': 'MZ' });
    expect(app.readyToRun).toBe(readyToRun);
    if (shown === undefined) expect(app.evidence.at(-1)).toContain('C#');
    else expect(app.evidence.at(-1)).toContain(shown);
  });
});

describe('the model of an app (DOTNET.md 1.5)', () => {
  test.each<[string, () => ReturnType<typeof appOf>, string]>([
    [
      'a framework of ASP.NET Core is asked for',
      () => appOf({ references: ['Microsoft.AspNetCore'] }, {}, { framework: aspnet('3.1.0') }),
      'aspnet',
    ],
    [
      'one is included',
      () => own({}, { includedFrameworks: [core('8.0.3'), aspnet('8.0.3')] }),
      'aspnet',
    ],
    [
      'its server is in a folder without a runtimeconfig.json',
      () => own({ '/app/Microsoft.AspNetCore.Server.Kestrel.Core.dll': 'MZ' }, {}),
      'aspnet',
    ],
    [
      'a client of ASP.NET Core is beside it',
      () => appOf({}, { '/app/Microsoft.AspNetCore.SignalR.Client.dll': 'MZ' }),
      'console',
    ],
    [
      'the generic host is beside it',
      () => appOf({}, { '/app/Microsoft.Extensions.Hosting.dll': 'MZ' }),
      'worker',
    ],
    [
      'only its abstractions are',
      () => appOf({}, { '/app/Microsoft.Extensions.Hosting.Abstractions.dll': 'MZ' }),
      'console',
    ],
  ])('is told when %s', (_, describeIt, model) => {
    const app = describeIt();
    expect(app.model).toBe(model);
    expect(app.aspnet).toBe(model === 'aspnet');
  });

  test('is that of a Native AOT program when its bytes hold a name of ASP.NET Core', () => {
    const program = (data: Buffer) => buildElf({ sections: ['__managedcode', '.hydrated'], data });
    const described = (data: Buffer) =>
      describeImage({ '/app/x': program(data) }, { Cmd: ['/app/x'] });
    expect(described(Buffer.from('Microsoft.AspNetCore.Hosting', 'utf16le'))).toMatchObject({
      model: 'aspnet',
      trimmed: true,
      readyToRun: 'no',
    });
    expect(described(Buffer.from('Microsoft.Extensions')).model).toBe('console');
  });
});

describe('a trimmed app (DOTNET.md 1.4)', () => {
  const trimSwitch =
    'Microsoft.Extensions.DependencyInjection.VerifyOpenGenericServiceTrimmability';

  test('is known when its settings say so', () => {
    const options = {
      includedFrameworks: [core('8.0.3')],
      configProperties: { [trimSwitch]: true },
    };
    expect(own({ '/app/WindowsBase.dll': 'MZ' }, options).trimmed).toBe(true);
  });

  test('is known when a facade of its runtime is gone', () => {
    expect(own({ '/app/WindowsBase.dll': 'MZ' }).trimmed).toBe(false);
    const app = own();
    expect(app.trimmed).toBe(true);
    expect(app.evidence.at(-1)).toContain('WindowsBase.dll of the runtime is not in /app');
  });

  test('is never one that takes a shared runtime', () => {
    expect(appOf({}, {}, { ...onCore, configProperties: { [trimSwitch]: true } }).trimmed).toBe(
      false,
    );
  });
});

describe('the framework and the version (DOTNET.md 1.1, 2.1)', () => {
  test.each<[string, object, string, string | undefined, string | undefined]>([
    [
      'the settings name it',
      { tfm: 'netcoreapp3.1' },
      '.NETCoreApp,Version=v3.1',
      'netcoreapp3.1',
      '3.1',
    ],
    [
      'only the assembly does, for .NET Core',
      {},
      '.NETCoreApp,Version=v3.1',
      'netcoreapp3.1',
      undefined,
    ],
    ['only the assembly does, for .NET', {}, '.NETCoreApp,Version=v10.0', 'net10.0', undefined],
  ])('are told when %s', (_, options, targetFramework, told, version) => {
    const app = appOf({ targetFramework }, {}, { ...onCore, ...options });
    expect(app.targetFramework).toBe(told);
    expect(app.version).toBe(version);
  });

  test.each([
    ['10.0.926.27113', '10.0.9'],
    ['8.0.3026.36720', '8.0.30'],
    ['5.0.1722.21314', '5.0.17'],
  ])('the runtime says %s of itself when it is %s', (said, version) => {
    const data = Buffer.from(`x\0@(#)Version ${said} @Commit: 95017c711e\0`);
    const app = own({ '/app/libcoreclr.so': buildElf({ data }) }, { tfm: 'net8.0' });
    expect(app.version).toBe(version);
    expect(app.evidence).toContain(`/app/libcoreclr.so says that it is ${said}: .NET ${version}`);
  });

  test('the host tells when the runtime of .NET Core 3.1 does not', () => {
    const with_ = (said: string) =>
      buildElf({ data: Buffer.from(`@(#)Version ${said} @Commit\0`) });
    const files = {
      '/app/libcoreclr.so': with_('4.700.20.6602'),
      '/app/libhostfxr.so': with_('3.100.220.6704'),
    };
    expect(own(files, { tfm: 'netcoreapp3.1' }).version).toBe('3.1.2');
  });
});

describe('the entry assembly in a bundle (DOTNET.md 1.2)', () => {
  const assembly = buildAssembly({
    references: ['System.Runtime', 'FSharp.Core'],
    machine: 0xfd1d,
    native: { flags: 3 },
    targetFramework: '.NETCoreApp,Version=v5.0',
  });

  test.each([1, 2, 6] as const)('is read when the version is %i', (major) => {
    const types = major === 1 ? { dll: 0, config: 3 } : { dll: 1, config: 4 };
    const bytes = singleFile(major, [
      { path: 'app.dll', type: types.dll, bytes: assembly },
      { path: 'app.runtimeconfig.json', type: types.config, bytes: runtimeconfig({}) },
      { path: 'Microsoft.Extensions.Hosting.dll', type: types.dll, bytes: 'MZ' },
    ]);
    expect(describeImage({ '/app/start': bytes }, { Cmd: ['/app/start'] })).toMatchObject({
      language: 'F#',
      readyToRun: 'yes',
      model: 'worker',
      targetFramework: 'net5.0',
    });
  });

  test('is read when it is compressed and named as the executable', () => {
    const bytes = singleFile(6, [{ path: 'app.dll', type: 1, bytes: assembly, deflated: true }]);
    const app = describeImage({ '/app/app': bytes }, { Cmd: ['/app/app'] });
    expect(app).toMatchObject({ language: 'F#', readyToRun: 'yes' });
    expect(app.evidence.at(-1)).toContain('/app/app!app.dll holds code');
  });
});

describe('real published apps', () => {
  test.each([
    ['console', 'console', { model: 'console', language: 'C#', targetFramework: 'net10.0' }],
    ['web', 'web', { model: 'aspnet', language: 'C#', targetFramework: 'net10.0' }],
    [
      'console-singlefile',
      'console',
      { model: 'console', language: 'C#', targetFramework: 'net10.0' },
    ],
  ])('have the traits of %s', (folder, program, traits) => {
    const app = describeImage(published(folder), { Cmd: [`/app/${program}`] });
    expect(app).toMatchObject({ ...traits, readyToRun: 'no', trimmed: false });
  });
});
