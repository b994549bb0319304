import { describe, expect, it } from 'vitest';
import { osvEnvironment } from '../../../src/osv/environment.ts';

type App = Parameters<typeof osvEnvironment>[0];

const app: App = {
  kind: 'framework-dependent',
  env: new Map(),
  args: [],
  version: '10.0',
  aspnet: false,
  invariantGlobalization: false,
};

function environment(
  changes: Partial<Omit<App, 'env'>> & { env?: Record<string, string> },
  options: { icu?: boolean; bundleDirectory?: string; user?: Record<string, string> } = {},
) {
  const { user = {}, icu = true, ...rest } = options;
  const { entries } = osvEnvironment(
    { ...app, ...changes, env: new Map(Object.entries(changes.env ?? {})) },
    { icu, user: new Map(Object.entries(user)), ...rest },
  );
  return {
    entries,
    text: entries.map(({ name, value, origin }) => `${origin} ${name}=${value}`).join('\n'),
  };
}

describe('osvEnvironment', () => {
  it('sets what a console app of .NET 10 needs, each with a reason', () => {
    const { text, entries } = environment({});
    expect(text).toBe(
      [
        'osv DOTNET_EnableWriteXorExecute=0',
        'osv DOTNET_EnableDiagnostics=0',
        'osv DOTNET_INTERNAL_ThreadSuspendInjection=0',
        'osv DOTNET_LTTng=0',
        'osv DOTNET_USE_POLLING_FILE_WATCHER=1',
        'osv DOTNET_hostBuilder__reloadConfigOnChange=false',
        'osv HOME=/tmp',
        'osv TMPDIR=/tmp',
      ].join('\n'),
    );
    expect(entries.every(({ reason }) => (reason ?? '').length > 10)).toBe(true);
  });

  it.each(['3.1.2', '5.0', ''])('sets the old names too when the version is %j', (version) => {
    const { text } = environment({ version });
    for (const name of [
      'EnableWriteXorExecute',
      'EnableDiagnostics',
      'INTERNAL_ThreadSuspendInjection',
      'LTTng',
    ]) {
      expect(text).toContain(`osv DOTNET_${name}=0\nosv COMPlus_${name}=0`);
    }
  });

  it('sets nothing of the managed runtime for a native app', () => {
    const { text } = environment({ kind: 'native-aot' });
    expect(text).not.toContain('EnableWriteXorExecute');
    expect(text).toContain('osv HOME=/tmp');
  });

  it('carries the image over, in its order and before all else, and lets it win over defaults', () => {
    const { text } = environment({
      env: { PATH: '/usr/bin', HOME: '/home/app', DOTNET_USE_POLLING_FILE_WATCHER: 'true' },
    });
    expect(text.split('\n').slice(0, 4)).toEqual([
      'image PATH=/usr/bin',
      'image HOME=/home/app',
      'image DOTNET_USE_POLLING_FILE_WATCHER=true',
      'osv DOTNET_EnableWriteXorExecute=0',
    ]);
    expect(text.match(/HOME=/g)).toHaveLength(1);
  });

  it('overrules the image where the machine would die', () => {
    const { text } = environment({
      env: { DOTNET_EnableDiagnostics: '1', COMPlus_EnableWriteXorExecute: '1', DOTNET_LTTng: '1' },
    });
    expect(text).not.toMatch(/Diagnostics=1|WriteXorExecute=1/);
    expect(text).toContain('image DOTNET_LTTng=1');
  });

  it('writes the vital value when the image has it in another form', () => {
    const { text } = environment({ env: { DOTNET_EnableDiagnostics: '0x0' } });
    expect(text).toContain('osv DOTNET_EnableDiagnostics=0');
  });

  it('lets the user win over everything, under either name', () => {
    const { text } = environment(
      { env: { PATH: '/usr/bin', DOTNET_EnableDiagnostics: '1' } },
      { user: { COMPlus_EnableDiagnostics: '1', PATH: '/bin', DOTNET_LTTng: '1' } },
    );
    expect(text).not.toContain('osv DOTNET_EnableDiagnostics');
    expect(text).not.toContain('osv DOTNET_LTTng');
    expect(text.split('\n').slice(-3)).toEqual([
      'user COMPlus_EnableDiagnostics=1',
      'user PATH=/bin',
      'user DOTNET_LTTng=1',
    ]);
    expect(text.match(/PATH=/g)).toHaveLength(1);
  });

  it('makes cultures invariant when there is no libicu, and the app is not so already', () => {
    const { text } = environment({}, { icu: false });
    expect(text).toContain('osv DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1');
    const known = environment({ invariantGlobalization: true }, { icu: false });
    expect(known.text).not.toContain('INVARIANT');
  });

  it.each([
    ['10.0', 'osv ASPNETCORE_HTTP_PORTS=8080'],
    ['7.0.1', 'osv ASPNETCORE_URLS=http://+:8080'],
  ])('lets ASP.NET Core of %s be reached when no address is set', (version, wanted) => {
    const { text } = environment({ aspnet: true, version });
    expect(text).toContain(wanted);
  });

  it.each<[string, Parameters<typeof environment>]>([
    ['the image', [{ aspnet: true, env: { ASPNETCORE_URLS: 'http://+:80' } }]],
    ['the user', [{ aspnet: true }, { user: { ASPNETCORE_HTTP_PORTS: '81' } }]],
    ['an argument', [{ aspnet: true, args: ['--urls', 'http://+:82'] }]],
  ])('sets no address when %s sets one', (_, given) => {
    const { text } = environment(...given);
    expect(text).not.toMatch(/osv ASPNETCORE_/);
  });

  it('points a single-file app to its unpacked files, whatever the image says', () => {
    const name = 'DOTNET_BUNDLE_EXTRACT_BASE_DIR';
    const app = { kind: 'single-file', env: { [name]: '/var/tmp' } } as const;
    const known = environment(app, { bundleDirectory: '/bundle' });
    expect(known.text).toContain(`osv ${name}=/bundle`);
    expect(environment({ kind: 'single-file' }).text).not.toContain('BUNDLE');
  });
});
