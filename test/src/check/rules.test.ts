import { describe, expect, it } from 'vitest';
import { checkEnvironment } from '../../../src/check/environment.ts';
import { findingOfFailure } from '../../../src/check/failure.ts';
import { bySeverity, type Finding, sentenceOf } from '../../../src/check/finding.ts';
import { checkConfig } from '../../../src/check/image-config.ts';
import { ruleTitles } from '../../../src/check/rules.ts';
import { checkServerGc, serverGcOf } from '../../../src/check/server-gc.ts';
import { readSettings } from '../../../src/check/settings.ts';
import { writableWith } from '../../../src/check/writable.ts';
import { ConvertError } from '../../../src/error.ts';
import type { ExecutionConfig } from '../../../src/oci/config.ts';
import { filesWith, told } from './assemblies.ts';

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
