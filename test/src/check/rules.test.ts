import { describe, expect, it } from 'vitest';
import { checkAddresses } from '../../../src/check/addresses.ts';
import { checkCalls } from '../../../src/check/calls.ts';
import { checkEnvironment } from '../../../src/check/environment.ts';
import { findingOfFailure } from '../../../src/check/failure.ts';
import { bySeverity, type Finding, placeOf, sentenceOf } from '../../../src/check/finding.ts';
import { checkConfig } from '../../../src/check/image-config.ts';
import { checkImports } from '../../../src/check/imports.ts';
import { missingOpenssl } from '../../../src/check/libraries.ts';
import { originsIn } from '../../../src/check/origins.ts';
import { ruleTitles } from '../../../src/check/rules.ts';
import { scan } from '../../../src/check/scan.ts';
import { checkServerGc, serverGcOf } from '../../../src/check/server-gc.ts';
import { readSettings } from '../../../src/check/settings.ts';
import { writableWith } from '../../../src/check/writable.ts';
import { checkLogConfigs, checkPaths } from '../../../src/check/written-paths.ts';
import { filesOfTree } from '../../../src/dotnet/files.ts';
import type {
  Assembly,
  MemberReference,
  NativeImport,
} from '../../../src/dotnet/metadata/assembly.ts';
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

  it('says how a volume can be written, and is silent where it can', () => {
    const volumes = { ...config, Volumes: ['/data/', '/data/sub'] };
    expect(checkConfig(volumes).map(({ fix }) => fix.split(',')[0])).toEqual([
      '--tmpfs /data',
      '--tmpfs /data/sub',
    ]);
    expect(checkConfig(volumes, writableWith(['/data']))).toEqual([]);
  });
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
    exposed: readonly string[] = [],
  ): readonly string[] => {
    const app = { aspnet: true, args, workingDirectory: '/app' };
    const listener = {
      app,
      env: new Map(Object.entries(env)),
      settings: settings(values),
      exposed,
    };
    return told(checkAddresses(listener, filesWith({ '/app/x.pfx': 'certificate' })));
  };

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
      [
        {
          ASPNETCORE_URLS: 'https://+:443',
          ASPNETCORE_Kestrel__Certificates__Default__Path: 'x.pfx',
          Kestrel__Certificates__Default__Password: 'secret',
        },
      ],
      [],
    ],
    [
      'HTTPS with a certificate that is not there',
      [{ ASPNETCORE_URLS: 'https://+:443', Kestrel__Certificates__Default__Path: '/https/x.pfx' }],
      ['certificate-not-found Kestrel__Certificates__Default__Path=/https/x.pfx'],
    ],
    [
      'a certificate and no HTTPS',
      [{ ASPNETCORE_URLS: 'http://+:80', Kestrel__Certificates__Default__Path: '/https/x.pfx' }],
      [],
    ],
    [
      'a Unix socket',
      [{ ASPNETCORE_URLS: 'http://unix:/tmp/app.sock' }],
      ['unix-socket ASPNETCORE_URLS=http://unix:/tmp/app.sock'],
    ],
    [
      'an endpoint of the command line',
      [
        { Kestrel__Endpoints__Http__Url: 'http://+:80' },
        {},
        ['--Kestrel:Endpoints:Http:Url=http://localhost:80'],
      ],
      ['loopback-only --Kestrel:Endpoints:Http:Url http://localhost:80'],
    ],
    ['ports of settings', [{}, { HTTP_PORTS: '8080' }, [], ['8080/tcp']], []],
    [
      'ports of the command line over variables',
      [{ ASPNETCORE_HTTP_PORTS: '80' }, {}, ['--http_ports', '81'], ['80/tcp']],
      ['exposed-port --http_ports 81'],
    ],
    ['one exposed port is used', [{ HTTP_PORTS: '80' }, {}, [], ['80/tcp', '443/tcp']], []],
    ['any port is used', [{ URLS: 'http://+:0' }, {}, [], ['80/tcp']], []],
    ['UDP is exposed', [{ HTTP_PORTS: '80' }, {}, [], ['53/udp']], []],
    ['the port of HTTP is meant', [{ URLS: 'http://[::]' }, {}, [], ['80']], []],
    [
      'no exposed port is used',
      [{ ASPNETCORE_HTTP_PORTS: '8080' }, {}, [], ['80/tcp', '443/tcp']],
      ['exposed-port ASPNETCORE_HTTP_PORTS=8080'],
    ],
  ])(
    'judges what counts when %s (DOTNET.md 7: https:// and no certificate)',
    (_, given, wanted) => {
      expect(check(...given)).toEqual(wanted);
    },
  );

  it('has no interest in an app that is none of ASP.NET Core', () => {
    const env = new Map([['ASPNETCORE_URLS', 'http://localhost:1']]);
    const app = { aspnet: false, args: [], workingDirectory: '/app' };
    const listener = { app, env, settings: [], exposed: [] };
    expect(checkAddresses(listener, filesWith({}))).toEqual([]);
  });
});

describe('checkPaths', () => {
  const app = { executable: '/app/web', workingDirectory: '/app' };

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
    ['NLog:targets:file:fileName', `\${basedir}/logs/\${shortdate}.txt`, true],
    ['NLog:targets:file:fileName', `\${tempdir}/app.txt`, false],
    ['Certificate:Path', '/app/cert.pfx', false],
    ['Text', 'logs/app.log', false],
  ])(
    'judges whether %s=%s is written on the read-only disk (DOTNET.md 7)',
    (key, value, isFound) => {
      const found = checkPaths(settings({ [key]: value }), app);
      expect(found.map(({ rule }) => rule)).toEqual(isFound ? ['read-only-path'] : []);
    },
  );

  const database = (path: string) => settings({ Db: `Data Source=${path}` });

  it.each([
    [
      'data/app.db',
      '--tmpfs /app/data, or name a file below /tmp: --env Db=…; both end with the machine; ' +
        '--volume 1G:/app/data keeps it',
    ],
    ['app.db', 'name a file below /tmp: --env Db=…, which ends with the machine'],
    ['/app.db', 'name a file below /tmp: --env Db=…, which ends with the machine'],
    ['/my data/app.db', 'name a file below /tmp: --env Db=…, which ends with the machine'],
  ])('says how %s can be written', (path, fix) => {
    expect(checkPaths(database(path), app).map((found) => found.fix)).toEqual([fix]);
  });

  it('is silent of what is below a ramfs', () => {
    expect(checkPaths(database('data/app.db'), app, writableWith(['/app/data']))).toEqual([]);
  });
});

describe('checkLogConfigs', () => {
  const app = { assembly: '/app/app.dll', executable: '/usr/bin/dotnet' };
  const written = (name: string, text: string): readonly string[] =>
    checkLogConfigs(filesWith({ [`/app/${name}`]: text }), app).map(
      ({ rule, evidence }) => `${rule} ${evidence.file} ${evidence.found}`,
    );

  it.each([
    [
      'nlog.config',
      `<nlog internalLogFile="/tmp/i.txt"><target name="f" fileName="\${basedir}/logs/a.log"/></nlog>`,
      [`read-only-path /app/nlog.config \${basedir}/logs/a.log`],
    ],
    [
      'NLog.config',
      "<target fileName = 'logs/a.log'/>",
      ['read-only-path /app/NLog.config logs/a.log'],
    ],
    ['NLog.config', `<target fileName="\${tempdir}/a.log"/><!-- <t fileName="a.log"/> -->`, []],
    ['NLog.config', '<target fileName="/tmp/a.log"/><!-- fileName="a.log"', []],
    [
      'log4net.config',
      '<appender><file type="x" value="logs/a.log" /></appender>',
      ['read-only-path /app/log4net.config logs/a.log'],
    ],
    ['other.config', '<target fileName="a.log"/>', []],
  ])('finds in %s what is written: %s (DOTNET.md 7: logs)', (name, text, wanted) => {
    expect(written(name, text)).toEqual(wanted);
  });

  it('takes a moment for hostile ones', () => {
    for (const piece of ['<!--', '<file ', ' fileName=', ' fileName="', ' ']) {
      const text = piece.repeat((1 << 20) / piece.length);
      expect(written('NLog.config', text).length).toBeLessThan(2);
      expect(written('log4net.config', text)).toEqual([]);
    }
  });
});

describe('checkServerGc', () => {
  const app = { assembly: '/app/web.dll' };
  const asks = JSON.stringify({
    runtimeOptions: { configProperties: { 'System.GC.Server': true } },
  });
  const files = filesWith({ '/app/web.runtimeconfig.json': asks });

  const check = (
    given: Partial<Parameters<typeof serverGcOf>[0]>,
    env: Readonly<Record<string, string>> = {},
    tree = files,
    bundle?: Parameters<typeof serverGcOf>[2],
  ): readonly string[] => {
    const executable = '/app/start';
    const entries = new Map(Object.entries(env));
    return told(checkServerGc(serverGcOf({ executable, ...given }, tree, bundle, entries)));
  };

  it.each<[Record<string, string>, readonly string[]]>([
    [{}, ['server-gc System.GC.Server=true']],
    [{ DOTNET_gcServer: '0' }, []],
    [{ COMPlus_gcServer: '1' }, ['server-gc COMPlus_gcServer=1']],
  ])('finds server garbage collection where the variables are %j (DOTNET.md 7)', (env, wanted) => {
    expect(check(app, env)).toEqual(wanted);
  });

  it('finds what a single-file app asks for inside of itself (DOTNET.md 1.2)', () => {
    const bundle = {
      files: [],
      deps: undefined,
      runtimeConfig: Buffer.from(asks),
      entry: 'web.dll',
      open: () => undefined,
    };
    expect(check({}, {}, filesWith({}), bundle)).toEqual(['server-gc System.GC.Server=true']);
  });

  it('finds nothing where nothing asks for it', () => {
    expect(check(app, {}, filesWith({ '/app/web.runtimeconfig.json': '{' }))).toEqual([]);
    expect(check({})).toEqual([]);
  });
});

describe('checkEnvironment', () => {
  const osv = (name: string, value: string) => [
    { name, value, origin: 'osv', reason: 'why' } as const,
  ];

  it.each([
    ['DOTNET_SYSTEM_GLOBALIZATION_INVARIANT', '1', 'missing-icu', 'warning'],
    ['ASPNETCORE_HTTP_PORTS', '8080', 'no-address', 'note'],
    ['DOTNET_EnableDiagnostics', '0', 'setting-overruled', 'warning'],
  ])('tells why %s is set (OSV.md 9.6)', (name, value, rule, severity) => {
    const given = new Map([['DOTNET_EnableDiagnostics', '1']]);
    const [finding] = checkEnvironment(osv(name, value), given);
    expect(finding).toMatchObject({ rule, severity });
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
