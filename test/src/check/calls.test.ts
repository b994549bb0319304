import { describe, expect, it } from 'vitest';
import { checkCalls } from '../../../src/check/calls.ts';
import { placeOf } from '../../../src/check/finding.ts';
import { checkImports } from '../../../src/check/imports.ts';
import { missingOpenssl } from '../../../src/check/libraries.ts';
import { scan } from '../../../src/check/scan.ts';
import { writableWith } from '../../../src/check/writable.ts';
import type {
  Assembly,
  MemberReference,
  NativeImport,
} from '../../../src/dotnet/metadata/assembly.ts';

const nothing: Assembly = {
  name: 'app',
  version: '1.0.0.0',
  machine: 0x14c,
  readyToRun: 'no',
  references: [],
  types: [],
  members: [],
  imports: [],
};

const own = (parts: Partial<Assembly>, file = '/app/app.dll') => ({
  file,
  assembly: { ...nothing, ...parts },
  isLibrary: false,
});

const library = (parts: Partial<Assembly>, file = '/app/Other.dll') => ({
  ...own(parts, file),
  isLibrary: true,
});

const call = (type: string, name: string, ...signature: number[]): MemberReference => ({
  type,
  name,
  signature: Uint8Array.from(signature),
});

describe('checkCalls', () => {
  const check = (
    assemblies: Parameters<typeof scan>[0],
    { major = 10, env = {} }: { major?: number; env?: Readonly<Record<string, string>> } = {},
  ): readonly string[] =>
    checkCalls(scan(assemblies).used, {
      major,
      env: new Map(Object.entries(env)),
      isWritable: writableWith(['/state']),
    }).map(({ severity, rule, evidence }) => `${severity} ${rule}: ${placeOf(evidence)}`);

  it.each([
    ['System.Drawing.Common', 'note windows-only'],
    ['System.DirectoryServices.AccountManagement', 'note windows-only'],
    ['System.Management.Automation', 'warning powershell'],
    ['Microsoft.Playwright', 'warning starts-browser'],
    ['PuppeteerSharp', 'warning starts-browser'],
    ['WebDriver', 'warning starts-browser'],
    ['System.IO.Ports', 'note serial-port'],
    ['Microsoft.Data.Sqlite', 'note writes-files'],
    ['Serilog.Sinks.File', 'note writes-files'],
  ])('finds a reference to %s (DOTNET.md 7)', (reference, wanted) => {
    const found = check([own({ references: ['System.Runtime', reference] })]);
    expect(found).toEqual([`${wanted}: /app/app.dll: ${reference}`]);
  });

  it('has nothing against libraries that work on Linux, too', () => {
    const references = ['System.DirectoryServices.Protocols', 'System.Management.Other'];
    expect(check([own({ references })])).toEqual([]);
  });

  it.each([
    ['libc', 'posix_spawn', true],
    ['libc.so.6', 'execve', true],
    ['libcrypto', 'system', false],
    ['libc', 'getpid', false],
  ])('judges an import of %s!%s (DOTNET.md 7)', (name, symbol, isFound) => {
    const imports = [{ library: name, name: symbol }];
    expect(check([own({ imports })])).toHaveLength(isFound ? 1 : 0);
  });

  it.each<[MemberReference, readonly string[]]>([
    // (bool) and (bool, string): ECMA-335, II.23.1.16
    [call('System.Threading.Mutex', '.ctor', 0x20, 1, 1, 2), []],
    [call('System.Threading.Mutex', '.ctor', 0x20, 2, 1, 2, 14), ['warning named-mutex']],
    // Seen on OSv: it answers that there is none.
    [call('System.Threading.Mutex', 'TryOpenExisting', 0, 2, 2, 14, 16, 18, 9), []],
    [call('System.Threading.EventWaitHandle', '.ctor', 0x20, 2, 1, 2, 17, 13), []],
    [
      call('System.Threading.EventWaitHandle', '.ctor', 0x20, 3, 1, 2, 17, 13, 14),
      ['note named-handle'],
    ],
  ])('tells by the signature whether a handle has a name: %j (DOTNET.md 7)', (member, wanted) => {
    const found = check([own({ members: [member] })]);
    expect(found.map((one) => one.split(':')[0])).toEqual(wanted);
  });

  it('finds in libraries a note, one for all of them, and none beside a finding of the app', () => {
    const members = [call('System.Diagnostics.Process', 'Start')];
    const libraries = ['A', 'B', 'C', 'D', 'E', 'F'].map((name) =>
      library({ members }, `/app/${name}.dll`),
    );
    const start = 'System.Diagnostics.Process.Start';
    expect(check(libraries)).toEqual([
      `note process-start: /app/A.dll: ${start}, also in B.dll, C.dll, D.dll and 2 more`,
    ]);
    expect(check([...libraries, own({ members })])).toEqual([
      `warning process-start: /app/app.dll: ${start}`,
    ]);
  });

  it('does not ask libraries for what they can do without', () => {
    expect(check([library({ references: ['System.Drawing.Common'] })])).toEqual([]);
  });

  it('finds the start time of processes before .NET 8 only (OSV.md 9.1)', () => {
    const members = [call('System.Diagnostics.Process', 'get_StartTime')];
    const ask = (major: number) => check([own({ members })], { major }).length;
    expect([ask(3), ask(0), ask(8), ask(10)]).toEqual([1, 1, 0, 0]);
  });

  it('tells by $HOME what becomes of the keys of data protection (DOTNET.md 4.4)', () => {
    const services = 'Microsoft.Extensions.DependencyInjection.MvcServiceCollectionExtensions';
    const app = own({ members: [call(services, 'AddRazorPages')] });
    const kept = own({
      members: [
        call(services, 'AddRazorPages'),
        call('Microsoft.AspNetCore.DataProtection.Redis', 'PersistKeysToStackExchangeRedis'),
      ],
    });
    const rule = (env: Record<string, string>) => check([app], { env })[0]?.split(':')[0];
    expect(rule({ HOME: '/tmp' })).toBe('warning data-protection');
    expect(rule({ HOME: '/' })).toBe('note ephemeral-keys');
    expect(rule({})).toBe('note ephemeral-keys');
    expect(check([kept], { env: { HOME: '/tmp' } })).toEqual([]);
  });
});

describe('missingOpenssl', () => {
  const told = (...assemblies: readonly ReturnType<typeof own>[]) =>
    missingOpenssl(scan(assemblies).cryptography).map(
      ({ severity, evidence }) => `${severity} ${evidence.file} ${evidence.found}`,
    );

  it.each([
    'System.Security.Cryptography.SHA256',
    'System.Security.Cryptography.X509Certificates.X509Certificate2',
    'System.Net.Security.SslStream',
    'System.Net.Http.HttpClient',
  ])('warns where the app or a library uses %s (DOTNET.md 4.2)', (type) => {
    expect(told(own({ types: ['System.Console', type] }))).toEqual([
      `warning /app/app.dll ${type}`,
    ]);
    expect(told(own({}), library({ types: [type] }))).toEqual([`warning /app/Other.dll ${type}`]);
  });

  it('warns where Kestrel is told to speak HTTPS', () => {
    const type = 'Microsoft.AspNetCore.Hosting.ListenOptionsHttpsExtensions';
    expect(told(own({ members: [call(type, 'UseHttps')] }))).toHaveLength(1);
  });

  it.each([
    'System.Security.Cryptography.CryptographicException',
    'System.Security.Cryptography.CryptoStream',
    'System.Net.Http.Json.HttpContentJsonExtensions',
    'System.Net.Sockets.Socket',
  ])('has nothing to say of %s', (type) => {
    expect(told(own({ types: [type] }))).toEqual([]);
  });
});

describe('checkImports', () => {
  const guest = { libraries: new Set(['libgit2.so']), exports: new Set(['getpid']) };
  const check = (library: string, name: string, isLibrary = false): readonly string[] => {
    const imported = [{ file: '/app/app.dll', isLibrary, library, name }];
    return checkImports(imported, guest).map(
      ({ severity, evidence, consequence }) =>
        `${severity} ${evidence.found} ${/\w+Exception/.exec(consequence)?.[0]}`,
    );
  };

  it.each<[string, string, readonly string[]]>([
    ['libnowhere', 'f', ['warning libnowhere!f DllNotFoundException']],
    ['libnowhere.so.3', 'f', ['warning libnowhere.so.3!f DllNotFoundException']],
    ['git2', 'f', []],
    ['libgit2', 'f', []],
    ['libgit2.so', 'f', []],
    ['libc', 'getpid', []],
    ['libc', 'nothing', ['warning libc!nothing EntryPointNotFoundException']],
    ['libc.so.6', 'fork', []],
    ['libm.so.6', 'cos', ['warning libm.so.6!cos EntryPointNotFoundException']],
    // For other systems, and what no name tells
    ['kernel32.dll', 'CreateFile', []],
    ['kernel32', 'CreateFile', []],
    ['libSystem.dylib', 'f', []],
    ['libobjc', 'f', []],
    ['/usr/lib/libproc.so', 'f', []],
  ])('judges an import of %s!%s by the app', (library, name, wanted) => {
    expect(check(library, name)).toEqual(wanted);
  });

  it('tells of libraries what the kernel lacks only, as a note', () => {
    expect(check('libnowhere', 'f', true)).toEqual([]);
    expect(check('libc', 'nothing', true)).toEqual([
      'note libc!nothing EntryPointNotFoundException',
    ]);
  });

  it('says nothing of functions where the kernel is not known', () => {
    const one: NativeImport = { library: 'libc', name: 'nothing' };
    const imported = [{ file: '/app/app.dll', isLibrary: false, ...one }];
    expect(checkImports(imported, { libraries: new Set() })).toEqual([]);
  });
});
