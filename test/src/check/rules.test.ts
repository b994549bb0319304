import { describe, expect, it } from 'vitest';
import { checkAddresses } from '../../../src/check/addresses.ts';
import { checkCalls } from '../../../src/check/calls.ts';
import { checkEnvironment } from '../../../src/check/environment.ts';
import { findingOfFailure } from '../../../src/check/failure.ts';
import { bySeverity, type Finding, sentenceOf } from '../../../src/check/finding.ts';
import { checkConfig } from '../../../src/check/image-config.ts';
import { originsIn } from '../../../src/check/origins.ts';
import { ruleTitles } from '../../../src/check/rules.ts';
import { checkServerGc } from '../../../src/check/server-gc.ts';
import { readSettings } from '../../../src/check/settings.ts';
import { checkPaths } from '../../../src/check/written-paths.ts';
import { filesOfTree } from '../../../src/dotnet/files.ts';
import type { Assembly } from '../../../src/dotnet/metadata/assembly.ts';
import { ConvertError } from '../../../src/error.ts';
import type { ExecutionConfig } from '../../../src/oci/config.ts';
import { openContents } from '../../../src/tree/contents.ts';
import { editTree } from '../../../src/tree/edit.ts';
import { directory, fileOfBytes } from '../../../src/tree/nodes.ts';

const config: ExecutionConfig = {
  User: '',
  Env: [],
  Entrypoint: [],
  Cmd: [],
  WorkingDir: '/app',
  ExposedPorts: [],
  Volumes: [],
  Labels: {},
  StopSignal: '',
  HealthcheckTest: [],
};

function filesWith(files: Readonly<Record<string, string>>) {
  const nodes = Object.entries(files).map(
    ([path, text]) => ({ op: 'set', path, node: fileOfBytes(Buffer.from(text)) }) as const,
  );
  return filesOfTree(editTree({ root: directory() }, nodes), openContents(new Map()));
}

const told = (findings: readonly Finding[]): readonly string[] =>
  findings.map(({ rule, evidence }) => `${rule} ${evidence.found}`);

/** Settings as `{ "A:B": "value" }`. */
const settings = (values: Readonly<Record<string, string>>) =>
  Object.entries(values).map(([key, value]) => ({ file: '/app/appsettings.json', key, value }));

describe('checkCalls', () => {
  const nothing: Assembly = {
    name: 'app',
    version: '1.0.0.0',
    machine: 0x14c,
    readyToRun: false,
    references: [],
    types: [],
    members: [],
    imports: [],
  };

  it.each([
    ['System.Drawing.Common', 'note windows-only'],
    ['Microsoft.Playwright', 'warning starts-browser'],
    ['System.IO.Ports', 'note serial-port'],
    ['Microsoft.Data.Sqlite', 'note writes-files'],
    ['Serilog.Sinks.File', 'note writes-files'],
  ])('finds a reference to %s (DOTNET.md 7)', (reference, wanted) => {
    const assembly = { ...nothing, references: ['System.Runtime', reference] };
    const found = checkCalls(assembly, '/app/app.dll', { isLibrary: false });
    expect(found.map(({ severity, rule }) => `${severity} ${rule}`)).toEqual([wanted]);
    expect(found[0]?.evidence).toEqual({ file: '/app/app.dll', found: reference });
  });

  it.each([
    ['libc', 'posix_spawn', true],
    ['libc.so.6', 'execve', true],
    ['libcrypto', 'system', false],
    ['libc', 'getpid', false],
  ])('judges an import of %s!%s (DOTNET.md 7)', (library, name, isFound) => {
    const assembly = { ...nothing, imports: [{ library, name }] };
    expect(checkCalls(assembly, '/a', { isLibrary: false })).toHaveLength(isFound ? 1 : 0);
  });
});

describe('checkConfig', () => {
  it.each<[Partial<ExecutionConfig>, readonly string[]]>([
    [{}, []],
    [{ User: 'root' }, []],
    [{ User: '0:0' }, []],
    [{ User: '1654' }, ['user-lost USER 1654']],
    [{ User: 'rooty' }, ['user-lost USER rooty']],
    [{ Volumes: ['/data', '/tmp/cache', '/tmp'] }, ['volume VOLUME /data']],
    [{ Volumes: ['/tmp/../var'] }, ['volume VOLUME /tmp/../var']],
    [{ HealthcheckTest: ['CMD', '/check'] }, ['health-check-lost HEALTHCHECK CMD /check']],
    [{ HealthcheckTest: ['NONE'] }, []],
    [{ StopSignal: 'SIGTERM' }, []],
    [{ StopSignal: 'SIGQUIT' }, ['stop-signal-lost STOPSIGNAL SIGQUIT']],
  ])(
    'tells what of %j is lost (DOTNET.md 7: VOLUME, USER, HEALTHCHECK, STOPSIGNAL)',
    (changes, wanted) => {
      expect(told(checkConfig({ ...config, ...changes }))).toEqual(wanted);
    },
  );
});

describe('readSettings', () => {
  const app = {
    executable: '/usr/bin/dotnet',
    assembly: '/app/web.dll',
    workingDirectory: '/work',
  };

  it('reads the settings of the environment over the usual ones, and of the working directory over those beside the app', () => {
    const files = filesWith({
      '/app/appsettings.json': '{ "A": { "B": ["x", "y"] }, "Only": "app" } // comment',
      '/work/appsettings.json': '{ "a": { "b": ["z"] } }',
      '/work/appsettings.Staging.json': '{ "A": { "B": { "1": "staged" } } }',
      '/work/appsettings.Development.json': '{ "Never": "read" }',
    });
    const env = new Map([['ASPNETCORE_ENVIRONMENT', 'Staging']]);
    expect(readSettings(files, app, env)).toEqual([
      { file: '/work/appsettings.json', key: 'a:b:0', value: 'z' },
      { file: '/work/appsettings.Staging.json', key: 'A:B:1', value: 'staged' },
      { file: '/app/appsettings.json', key: 'Only', value: 'app' },
    ]);
  });

  it('is content with damaged, huge and deep ones, and with a hostile environment', () => {
    const deep = `${'['.repeat(5000)}"x"${']'.repeat(5000)}`;
    const wide = JSON.stringify(Array.from({ length: 20_000 }, () => 'x'));
    const env = new Map([['DOTNET_ENVIRONMENT', '../../etc/x']]);
    const long = JSON.stringify({ ['x'.repeat(2000)]: { a: 'b' } });
    for (const text of ['{', deep, long, ' '.repeat(2 << 20)]) {
      expect(readSettings(filesWith({ '/app/appsettings.json': text }), app, env)).toEqual([]);
    }
    const files = filesWith({ '/app/appsettings.json': wide });
    expect(readSettings(files, app, env)).toHaveLength(10_000);
  });
});

describe('checkAddresses', () => {
  const check = (
    env: Readonly<Record<string, string>>,
    values: Readonly<Record<string, string>> = {},
    args: readonly string[] = [],
  ): readonly string[] =>
    told(checkAddresses({ aspnet: true, args }, new Map(Object.entries(env)), settings(values)));

  it.each<[string, Parameters<typeof check>, readonly string[]]>([
    ['nothing is set', [{}], []],
    ['every interface', [{ ASPNETCORE_URLS: 'http://+:80;http://localhost:81' }], []],
    [
      'a variable',
      [{ ASPNETCORE_URLS: 'http://localhost:5000' }],
      ['loopback-only ASPNETCORE_URLS=http://localhost:5000'],
    ],
    [
      'numbers',
      [{ URLS: 'http://127.0.0.1:1;http://[::1]:1' }],
      ['loopback-only URLS=http://127.0.0.1:1;http://[::1]:1'],
    ],
    ['a host that only begins so', [{ URLS: 'http://localhost.example:1' }], []],
    [
      'settings over variables',
      [{ ASPNETCORE_URLS: 'http://+:1' }, { urls: 'http://localhost:2' }],
      ['loopback-only urls=http://localhost:2'],
    ],
    [
      'arguments over all but endpoints',
      [{}, { Urls: 'http://localhost:2' }, ['--urls', 'http://*:3']],
      [],
    ],
    [
      'endpoints over all',
      [
        { ASPNETCORE_URLS: 'http://+:80' },
        { 'Kestrel:Endpoints:Http:Url': 'http://localhost:5000' },
      ],
      ['loopback-only Kestrel:Endpoints:Http:Url=http://localhost:5000'],
    ],
    [
      'an endpoint that a variable changes',
      [
        { Kestrel__Endpoints__Http__Url: 'http://+:80' },
        { 'Kestrel:Endpoints:Http:Url': 'http://localhost:5000' },
      ],
      [],
    ],
    [
      'HTTPS ports',
      [{ ASPNETCORE_HTTPS_PORTS: '8443' }],
      ['https-without-certificate ASPNETCORE_HTTPS_PORTS=8443'],
    ],
    [
      'HTTPS with a certificate',
      [{ ASPNETCORE_URLS: 'https://+:443' }, { 'Kestrel:Certificates:Default:Path': '/app/x.pfx' }],
      [],
    ],
    [
      'HTTPS with a certificate of a variable',
      [{ ASPNETCORE_URLS: 'https://+:443', ASPNETCORE_Kestrel__Certificates__Default__Path: '/x' }],
      [],
    ],
  ])(
    'judges what counts when %s (DOTNET.md 7: https:// and no certificate)',
    (_, given, wanted) => {
      expect(check(...given)).toEqual(wanted);
    },
  );

  it('has no interest in an app that is none of ASP.NET Core', () => {
    const env = new Map([['ASPNETCORE_URLS', 'http://localhost:1']]);
    expect(checkAddresses({ aspnet: false, args: [] }, env, [])).toEqual([]);
  });
});

describe('checkPaths', () => {
  it.each([
    ['ConnectionStrings:Db', 'Data Source=app.db;Cache=Shared', true],
    ['ConnectionStrings:Db', 'Mode=ReadWrite;DataSource="/data/app.sqlite3"', true],
    ['ConnectionStrings:Db', 'Filename=lite.litedb', true],
    ['ConnectionStrings:Db', 'Data Source=/tmp/app.db', false],
    ['ConnectionStrings:Db', 'Data Source=:memory:', false],
    ['ConnectionStrings:Db', 'Data Source=sql.example,1433;Initial Catalog=shop.db', false],
    ['Serilog:WriteTo:0:Args:path', 'logs/app-.txt', true],
    ['Serilog:WriteTo:0:Args:path', '../tmp/app.txt', false],
    ['Logging:File:Path', '/var/log/app.log', true],
    ['Certificate:Path', '/app/cert.pfx', false],
    ['Text', 'logs/app.log', false],
  ])(
    'judges whether %s=%s is written on the read-only disk (DOTNET.md 7)',
    (key, value, isFound) => {
      const found = checkPaths(settings({ [key]: value }), '/app');
      expect(found.map(({ rule }) => rule)).toEqual(isFound ? ['read-only-path'] : []);
    },
  );
});

describe('checkServerGc', () => {
  const app = { assembly: '/app/web.dll' };
  const asks = JSON.stringify({
    runtimeOptions: { configProperties: { 'System.GC.Server': true } },
  });
  const files = filesWith({ '/app/web.runtimeconfig.json': asks });

  it.each<[Record<string, string>, readonly string[]]>([
    [{}, ['server-gc System.GC.Server=true']],
    [{ DOTNET_gcServer: '0' }, []],
    [{ COMPlus_gcServer: '1' }, ['server-gc COMPlus_gcServer=1']],
  ])('finds server garbage collection where the variables are %j (DOTNET.md 7)', (env, wanted) => {
    expect(told(checkServerGc(app, files, new Map(Object.entries(env))))).toEqual(wanted);
  });

  it('finds nothing where nothing asks for it', () => {
    expect(
      checkServerGc(app, filesWith({ '/app/web.runtimeconfig.json': '{' }), new Map()),
    ).toEqual([]);
    expect(checkServerGc({}, files, new Map())).toEqual([]);
  });
});

describe('checkEnvironment', () => {
  const osv = (name: string, value: string) => [
    { name, value, origin: 'osv', reason: 'why' } as const,
  ];

  it.each([
    ['DOTNET_SYSTEM_GLOBALIZATION_INVARIANT', '1', 'missing-icu'],
    ['ASPNETCORE_HTTP_PORTS', '8080', 'no-address'],
    ['DOTNET_EnableDiagnostics', '0', 'setting-overruled'],
  ])('tells why %s is set (OSV.md 9.6)', (name, value, rule) => {
    const given = new Map([['DOTNET_EnableDiagnostics', '1']]);
    const [finding] = checkEnvironment(osv(name, value), given);
    expect(finding).toMatchObject({ rule, severity: 'warning' });
    expect(`${finding?.consequence} ${finding?.fix}`).toContain(`${name}=`);
  });

  it('says how to insist on what the image sets, and nothing where it sets the same', () => {
    const entries = osv('DOTNET_EnableDiagnostics', '0');
    const [finding] = checkEnvironment(entries, new Map([['DOTNET_EnableDiagnostics', '1']]));
    expect(finding?.fix).toBe('--env DOTNET_EnableDiagnostics=1 insists');
    expect(checkEnvironment(entries, new Map([['DOTNET_EnableDiagnostics', '0x0']]))).toEqual([]);
    const image = [{ name: 'A', value: '1', origin: 'image' } as const];
    expect(checkEnvironment(image, new Map([['A', '1']]))).toEqual([]);
  });
});

describe('originsIn', () => {
  const deps = {
    targets: {
      '.NETCoreApp,Version=v10.0': {
        'app/1.0.0': { runtime: { 'app.dll': {} } },
        'own/1.0.0': { runtime: { 'Own.dll': {} } },
        'Some.Package/2.0.0': { runtime: { 'lib/net8.0/Some.dll': {} } },
        'runtimepack.Core/10.0.0': { runtime: { 'System.Runtime.dll': {} } },
      },
    },
    libraries: {
      'app/1.0.0': { type: 'project' },
      'own/1.0.0': { type: 'project' },
      'Some.Package/2.0.0': { type: 'package' },
      'runtimepack.Core/10.0.0': { type: 'runtimepack' },
    },
  };

  it('tells by deps.json who wrote an assembly, and by its name where that is silent', () => {
    const originOf = originsIn(Buffer.from(JSON.stringify(deps)), 'app.dll');
    const names = [
      'app.dll',
      'Own.dll',
      'Some.dll',
      'System.Runtime.dll',
      'System.New.dll',
      'New.dll',
    ];
    expect(names.map(originOf)).toEqual(['app', 'app', 'library', 'runtime', 'library', 'app']);
  });

  it('goes by names when there is no deps.json, or a damaged one', () => {
    for (const bytes of [undefined, Buffer.from('{'), Buffer.from('{"targets":{"a":1}}')]) {
      const originOf = originsIn(bytes, 'Microsoft.App.dll');
      expect(['Microsoft.App.dll', 'Microsoft.Other.dll', 'x.dll'].map(originOf)).toEqual([
        ...['app', 'library', 'app'],
      ]);
    }
  });
});

describe('findings', () => {
  const finding: Finding = {
    rule: 'volume',
    severity: 'note',
    evidence: { file: '/app/x', found: 'it' },
    consequence: 'it breaks',
    fix: 'mend it',
  };

  it('are one line each, with rule, evidence and fix', () => {
    expect(sentenceOf(finding)).toBe('volume: /app/x: it: it breaks (mend it)');
  });

  it('are ordered by severity, the worst first', () => {
    const [error, warning] = (['error', 'warning'] as const).map((severity) => ({
      ...finding,
      severity,
    }));
    expect(bySeverity([finding, warning ?? finding, error ?? finding])).toEqual([
      error,
      warning,
      finding,
    ]);
  });

  it('are made of failures that are the fault of the image, with code and hint', () => {
    const error = new ConvertError('SHELL_ENTRYPOINT', 'finding the app: x', { hint: 'do y' });
    expect(findingOfFailure(error)).toMatchObject({
      rule: 'shell-entrypoint',
      severity: 'error',
      evidence: { found: 'finding the app: x' },
      fix: 'do y',
      code: 'SHELL_ENTRYPOINT',
    });
    expect(findingOfFailure(new ConvertError('OFFLINE', 'pulling'))).toBeUndefined();
    expect(findingOfFailure(new Error('defect'))).toBeUndefined();
  });

  it('have titles that read as one clause', () => {
    for (const title of Object.values(ruleTitles)) expect(title).toMatch(/^[A-Z].*[^.]$/);
  });
});
