import { describe, expect, it } from 'vitest';
import { createValidator } from '../../../schemas/index.ts';
import { apphostData } from '../dotnet/image-builder.ts';
import { buildElf, type ElfParts } from '../elf/elf-builder.ts';
import { checkImage, unusual, usual } from './checked.ts';
import { type Defect, imageOf } from './defects.ts';

/** The one finding of an app with one defect: severity, rule, and what of the evidence must be there. */
const corpus: readonly (readonly [string, Defect, string, RegExp])[] = [
  [
    'Process.Start (DOTNET.md 7, OSV.md 9.1)',
    { app: 'process-start' },
    'warning process-start',
    /^\/app\/process-start\.dll System\.Diagnostics\.Process\.Start$/,
  ],
  [
    'fork of libc (DOTNET.md 7)',
    { app: 'native-process' },
    'warning native-process',
    /^\/app\/native-process\.dll libc!fork$/,
  ],
  [
    'FileSystemWatcher (DOTNET.md 7, OSV.md 9.1)',
    { app: 'file-watcher' },
    'warning file-watcher',
    /new System\.IO\.FileSystemWatcher$/,
  ],
  [
    'a named Mutex (DOTNET.md 7, OSV.md 9.1)',
    { app: 'named-mutex' },
    'warning named-mutex',
    /new System\.Threading\.Mutex$/,
  ],
  [
    'UdpClient (OSV.md 9.1)',
    { app: 'udp-dispose' },
    'warning udp-dispose',
    /new System\.Net\.Sockets\.UdpClient$/,
  ],
  [
    'Path.GetTempFileName (OSV.md 9.1)',
    { app: 'temp-file-name' },
    'warning temp-file-name',
    /System\.IO\.Path\.GetTempFileName$/,
  ],
  [
    'MemoryMappedFile.CreateNew (DOTNET.md 7)',
    { app: 'memory-mapped-name' },
    'warning memory-mapped-name',
    /MemoryMappedFile\.CreateNew$/,
  ],
  [
    'a Unix socket',
    { app: 'unix-socket' },
    'warning unix-socket',
    /new System\.Net\.Sockets\.UnixDomainSocketEndPoint$/,
  ],
  [
    'a pipe with a name',
    { app: 'named-pipe' },
    'warning unix-socket',
    /new System\.IO\.Pipes\.NamedPipeServerStream$/,
  ],
  [
    'a named Semaphore (DOTNET.md 7)',
    { app: 'named-handle' },
    'note named-handle',
    /new System\.Threading\.Semaphore$/,
  ],
  [
    'IPGlobalProperties.DomainName (DOTNET.md 4.5)',
    { app: 'domain-name' },
    'warning domain-name',
    /IPGlobalProperties\.get_DomainName$/,
  ],
  [
    'the TCP listeners of the system',
    { app: 'network-state' },
    'warning network-state',
    /GetActiveTcpListeners$/,
  ],
  ['Ping', { app: 'ping' }, 'warning ping', /new System\.Net\.NetworkInformation\.Ping$/],
  [
    'a native library that is nowhere',
    { app: 'missing-library' },
    'warning missing-import',
    /^\/app\/missing-library\.dll libnowhere!nothing$/,
  ],
  [
    'assemblies loaded by their paths (DOTNET.md 7)',
    { app: 'plugins' },
    'note plugins',
    /System\.Reflection\.Assembly\.LoadFrom$/,
  ],
  [
    'keys of data protection (DOTNET.md 4.4)',
    { app: 'data-protection' },
    'note ephemeral-keys',
    /AuthenticationServiceCollectionExtensions\.AddAuthentication$/,
  ],
  [
    'keys of data protection in a home that can be written',
    {
      app: 'data-protection',
      config: { Env: ['ASPNETCORE_HTTP_PORTS=8080', 'HOME=/tmp/home'] },
    },
    'warning data-protection',
    /AddAuthentication$/,
  ],
  [
    'a log file of NLog',
    { files: { 'nlog.config': `<nlog><target fileName="\${basedir}/a.log"/></nlog>` } },
    'warning read-only-path',
    /^\/app\/nlog\.config \$\{basedir\}\/a\.log$/,
  ],
  [
    'a certificate that is not in the image',
    {
      app: 'web',
      config: {
        Env: ['ASPNETCORE_URLS=https://+:443', 'Kestrel__Certificates__Default__Path=/https/x.pfx'],
      },
    },
    'warning certificate-not-found',
    /Kestrel__Certificates__Default__Path=\/https\/x\.pfx$/,
  ],
  [
    'EXPOSE of a port where nobody listens',
    { app: 'web', config: { ExposedPorts: { '80/tcp': {} } } },
    'note exposed-port',
    /^ASPNETCORE_HTTP_PORTS=8080$/,
  ],
  [
    'ASP.NET Core on localhost only',
    { app: 'web', config: { Env: ['ASPNETCORE_URLS=http://localhost:8080'] } },
    'warning loopback-only',
    /^ASPNETCORE_URLS=http:\/\/localhost:8080$/,
  ],
  [
    'an endpoint of Kestrel on localhost only',
    {
      app: 'web',
      files: {
        'appsettings.json': '{"Kestrel":{"Endpoints":{"A":{"Url":"http://127.0.0.1:5000"}}}}',
      },
    },
    'warning loopback-only',
    /^\/app\/appsettings\.json Kestrel:Endpoints:A:Url=http:\/\/127/,
  ],
  [
    'HTTPS without a certificate (DOTNET.md 7)',
    { app: 'web', config: { Env: ['ASPNETCORE_URLS=http://+:80;https://+:443'] } },
    'warning https-without-certificate',
    /https/,
  ],
  [
    'ASP.NET Core without an address',
    { app: 'web', config: { Env: [] } },
    'note no-address',
    /no address/,
  ],
  [
    'a database of SQLite in appsettings.json (DOTNET.md 7)',
    { files: { 'appsettings.json': '{"ConnectionStrings":{"Shop":"Data Source=shop.db"}}' } },
    'warning read-only-path',
    /^\/app\/appsettings\.json ConnectionStrings:Shop=Data Source=shop\.db$/,
  ],
  [
    'a log file in appsettings.json (DOTNET.md 7)',
    {
      files: {
        'appsettings.json': '{"Serilog":{"WriteTo":[{"Name":"File","Args":{"path":"logs/.txt"}}]}}',
      },
    },
    'warning read-only-path',
    /Serilog:WriteTo:0:Args:path=logs\/\.txt$/,
  ],
  ['VOLUME (DOTNET.md 7)', { config: { Volumes: { '/data': {} } } }, 'warning volume', /\/data$/],
  [
    'HEALTHCHECK (DOTNET.md 7)',
    { config: { Healthcheck: { Test: ['CMD-SHELL', 'curl localhost'] } } },
    'note health-check-lost',
    /CMD-SHELL curl localhost$/,
  ],
  ['USER (DOTNET.md 7)', { config: { User: 'app' } }, 'note user-lost', /^USER app$/],
  [
    'STOPSIGNAL (DOTNET.md 7)',
    { config: { StopSignal: 'SIGINT' } },
    'note stop-signal-lost',
    /SIGINT$/,
  ],
  [
    'server garbage collection (DOTNET.md 7)',
    { config: { Env: ['DOTNET_gcServer=1'] } },
    'note server-gc',
    /^DOTNET_gcServer=1$/,
  ],
  [
    'cultures and no ICU',
    {
      files: {
        'nothing.runtimeconfig.json': JSON.stringify({
          runtimeOptions: { framework: { name: 'Microsoft.NETCore.App', version: '10.0.0' } },
        }),
      },
    },
    'warning missing-icu',
    /libicu/,
  ],
  [
    'a variable without which the machine would end (OSV.md 9.6)',
    { config: { Env: ['DOTNET_EnableWriteXorExecute=1'] } },
    'warning setting-overruled',
    /DOTNET_EnableWriteXorExecute=1$/,
  ],
  [
    'a native library that needs what nobody has',
    { files: { 'libown.so': buildElf({ needed: ['libnowhere.so.7'] }) } },
    'warning missing-library',
    /^\/app\/libown\.so needs libnowhere\.so\.7$/,
  ],
];

const apphost = (parts: ElfParts): Uint8Array =>
  buildElf({ ...parts, data: apphostData(0, 'nothing.dll') });

const selfContained = JSON.stringify({
  runtimeOptions: { includedFrameworks: [{ name: 'Microsoft.NETCore.App', version: '10.0.0' }] },
});

/** What cannot run: nothing but the reason is told, and what the config loses. */
const fatal: readonly (readonly [string, Defect, string, RegExp])[] = [
  [
    'a shell script',
    { config: { Entrypoint: ['/bin/sh', '-c', 'migrate && exec dotnet nothing.dll'] } },
    'SHELL_ENTRYPOINT',
    /migrate/,
  ],
  ['no app', { config: { Entrypoint: ['/usr/bin/python3'] } }, 'APP_NOT_FOUND', /python3/],
  [
    'a runtime for musl of its own (DOTNET.md 7)',
    {
      files: {
        nothing: apphost({ interpreter: '/lib/ld-musl-x86_64.so.1' }),
        'nothing.runtimeconfig.json': selfContained,
        'libhostfxr.so': buildElf({ needed: ['libc.musl-x86_64.so.1'] }),
        'libhostpolicy.so': buildElf({ needed: ['libc.musl-x86_64.so.1'] }),
        'libcoreclr.so': buildElf({ needed: ['libc.musl-x86_64.so.1'] }),
      },
      config: { Entrypoint: ['/app/nothing'] },
    },
    'APP_INVALID',
    /musl/,
  ],
  [
    'a runtime for another processor of its own (DOTNET.md 7)',
    {
      files: {
        nothing: apphost({ machine: 183 }),
        'nothing.runtimeconfig.json': selfContained,
        'libhostfxr.so': buildElf({ machine: 183 }),
        'libhostpolicy.so': buildElf({ machine: 183 }),
        'libcoreclr.so': buildElf({ machine: 183 }),
      },
      config: { Entrypoint: ['/app/nothing'] },
    },
    'APP_INVALID',
    /arm64/,
  ],
  [
    'a framework that is not there (DOTNET.md 7)',
    {
      files: {
        'nothing.runtimeconfig.json': JSON.stringify({
          runtimeOptions: { framework: { name: 'Microsoft.NETCore.App', version: '99.0.0' } },
        }),
      },
    },
    'FRAMEWORK_NOT_FOUND',
    /99\.0\.0/,
  ],
  [
    'a damaged runtimeconfig.json',
    { files: { 'nothing.runtimeconfig.json': '{' } },
    'RUNTIMECONFIG_INVALID',
    /nothing\.runtimeconfig\.json/,
  ],
];

describe('check, of an app with one defect', () => {
  it('says the usual of an app without one', async () => {
    const checked = await checkImage(await imageOf({}));
    expect(checked.findings.map(({ severity, rule }) => `${severity} ${rule}`).sort()).toEqual(
      usual,
    );
    expect(checked).toMatchObject({
      app: { kind: 'framework-dependent', version: '10.0' },
      kernel: null,
      counts: { error: 0, warning: 0, note: 3 },
    });
  });

  it.each(corpus)('finds %s and nothing else', async (_, defect, wanted, evidence) => {
    const checked = await checkImage(await imageOf(defect));
    expect(unusual(checked)).toEqual([wanted]);
    const [found] = checked.findings.filter(({ rule }) => wanted.endsWith(` ${rule}`));
    const { file, found: text } = found?.evidence ?? { found: '' };
    expect(file === undefined ? text : `${file} ${text}`).toMatch(evidence);
    expect(found?.consequence.length).toBeGreaterThan(10);
    expect(found?.fix.length).toBeGreaterThan(5);
    const validate = await createValidator('check');
    expect(validate(JSON.parse(JSON.stringify(checked)))).toBeUndefined();
  });

  it.each(fatal)('finds %s an error, with its code', async (_, defect, code, evidence) => {
    const { findings, counts } = await checkImage(await imageOf(defect));
    expect(findings[0]).toMatchObject({ severity: 'error', consequence: 'no disk can be built' });
    expect(findings[0]?.code).toContain(code);
    expect(findings[0]?.evidence.found).toMatch(evidence);
    expect(counts).toMatchObject({ error: 1, warning: 0 });
  });
});
