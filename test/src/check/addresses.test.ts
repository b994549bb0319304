import { describe, expect, it } from 'vitest';
import { checkAddresses } from '../../../src/check/addresses.ts';
import { originsIn } from '../../../src/check/origins.ts';
import { filesWith, settings, told } from './assemblies.ts';

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
      [{ URLS: 'http://127.0.0.1:1;http://127.9.9.9:1' }],
      ['loopback-only URLS=http://127.0.0.1:1;http://127.9.9.9:1'],
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
    ['the port of HTTP is meant', [{ URLS: 'http://*' }, {}, [], ['80']], []],
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
