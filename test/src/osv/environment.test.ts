import { describe, expect, it } from 'vitest';
import { osvEnvironment } from '../../../src/osv/environment.ts';

type App = Parameters<typeof osvEnvironment>[0];
type Options = Parameters<typeof osvEnvironment>[1];

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
  options: Partial<Omit<Options, 'user'>> & { user?: Record<string, string> } = {},
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

  // OSV.md 9.1: 3.1 ignores DOTNET_LTTng; DOTNET.md 4.4: DOTNET_ from 6 on.
  it.each([
    [
      '3.1.2',
      'COMPlus_EnableDiagnostics=0 COMPlus_INTERNAL_ThreadSuspendInjection=0 COMPlus_LTTng=0',
    ],
    [
      '5.0',
      'DOTNET_EnableDiagnostics=0 COMPlus_EnableDiagnostics=0 DOTNET_INTERNAL_ThreadSuspendInjection=0 ' +
        'COMPlus_INTERNAL_ThreadSuspendInjection=0 DOTNET_LTTng=0 COMPlus_LTTng=0',
    ],
    [
      '6.0.1',
      'DOTNET_EnableWriteXorExecute=0 DOTNET_EnableDiagnostics=0 ' +
        'DOTNET_INTERNAL_ThreadSuspendInjection=0 DOTNET_LTTng=0',
    ],
  ])('names the settings of the runtime as .NET %s reads them', (version, wanted) => {
    expect(runtimeNames(environment({ version }).entries)).toBe(wanted);
  });

  it('names them in both ways when the version is not known', () => {
    const { entries } = osvEnvironment({ ...app, version: '' }, { icu: true, user: new Map() });
    expect(runtimeNames(entries)).toContain(
      'DOTNET_EnableWriteXorExecute=0 COMPlus_EnableWriteXorExecute=0',
    );
  });

  it('says nothing to .NET Core 3.1 of file watchers, which no variable stops (DOTNET.md, headline 4)', () => {
    const { text } = environment({ version: '3.1.2' });
    expect(text).not.toMatch(/FILE_WATCHER|reloadConfigOnChange/);
    expect(environment({ version: '5.0' }).text).toContain('DOTNET_USE_POLLING_FILE_WATCHER=1');
  });

  it('lets the image have mapping of code twice where the kernel has memfd_create', () => {
    const env = { DOTNET_EnableWriteXorExecute: '1' };
    const lacks = { version: 'v0.57.0', hasMemfd: false };
    const known = environment({ env }, { kernel: lacks });
    expect(known.text).toContain('osv DOTNET_EnableWriteXorExecute=0');
    expect(known.entries.find(({ name }) => name in env)?.reason).toBe(
      'OSv v0.57.0 has no memfd_create, which mapping code twice needs',
    );
    const newer = environment({ env }, { kernel: { hasMemfd: true } });
    expect(newer.text).toContain('image DOTNET_EnableWriteXorExecute=1');
  });

  // OSV.md 9.1 and 9.4: without it 3.1 does not start, and .NET 10 does.
  it.each([
    ['3.1.2', 'osv COMPlus_EnableDiagnostics=0'],
    ['8.0', 'osv DOTNET_EnableDiagnostics=0'],
    ['10.0', 'image DOTNET_EnableDiagnostics=1'],
  ])('overrules diagnostics of an image where .NET %s needs it', (version, wanted) => {
    expect(environment({ version, env: { DOTNET_EnableDiagnostics: '1' } }).text).toContain(wanted);
  });

  it('says where the runtime is with its reason, whatever the image says', () => {
    const start = { DOTNET_ROOT: '/usr/share/dotnet' };
    const { entries } = environment({ env: { DOTNET_ROOT: '/opt' } }, { start });
    expect(entries.filter(({ name }) => name === 'DOTNET_ROOT')).toEqual([
      {
        name: 'DOTNET_ROOT',
        value: '/usr/share/dotnet',
        origin: 'osv',
        reason: 'the runtime that was chosen for the app is there',
      },
    ]);
  });

  it('sets nothing of the managed runtime for a native app', () => {
    const { text } = environment({ kind: 'native-aot' });
    expect(text).not.toMatch(/EnableWriteXorExecute|ThreadSuspend|LTTng|COMPlus/);
    expect(text).toContain('osv HOME=/tmp');
  });

  it.each([
    ['10.0.11', true],
    ['7.0', false],
  ])('stops diagnostics of a native app of .NET %s: %s', (version, isSet) => {
    const { text } = environment({ kind: 'native-aot', version });
    expect(text.includes('DOTNET_EnableDiagnostics=0')).toBe(isSet);
  });

  it('leaves ASP.NET Core no home it could write, for making keys there ends the machine', () => {
    expect(environment({ aspnet: true }).text).toContain('osv HOME=/\n');
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
      version: '9.0',
      env: { DOTNET_EnableDiagnostics: '1', COMPlus_EnableWriteXorExecute: '1', DOTNET_LTTng: '1' },
    });
    expect(text).not.toMatch(/Diagnostics=1|WriteXorExecute=1/);
    expect(text).toContain('image DOTNET_LTTng=1');
  });

  it('writes the vital value when the image has it in another form', () => {
    const { text } = environment({ version: '8.0', env: { DOTNET_EnableDiagnostics: '0x0' } });
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

  describe('for a machine whose memory is known', () => {
    const machine = (memory: number, cpus?: number, codeSize = 0) => ({
      machine: { memory, codeSize, ...(cpus !== undefined && { cpus }) },
    });
    const serverGc = new Map([['System.GC.Server', 'true']]);

    // In hexadecimal: three quarters of what 72 MiB (96 with ASP.NET Core, 40 native) and the code leave.
    it.each<[string, Partial<Omit<App, 'env'>>, Options['machine'], number]>([
      ['a console app', {}, { memory: 256, codeSize: 0 }, 138],
      ['ASP.NET Core', { aspnet: true }, { memory: 256, codeSize: 0 }, 120],
      ['a native app', { kind: 'native-aot' }, { memory: 64, codeSize: 0 }, 18],
      ['much code', {}, { memory: 512, codeSize: 100 << 20 }, 217],
      ['plenty', {}, { memory: 16384, codeSize: 0 }, 12234],
    ])('limits the heap below what is left when it is %s', (_, changes, given, limit) => {
      const { entries } = environment(changes, given && { machine: given });
      const entry = entries.find(({ name }) => name === 'DOTNET_GCHeapHardLimit');
      expect(Number.parseInt(entry?.value ?? '', 16)).toBe(limit * 1024 * 1024);
      expect(entry?.reason).toContain(`${limit} MiB: of ${given?.memory} MiB, `);
    });

    it('names the limit as .NET Core 3.1 reads it', () => {
      const { text } = environment({ version: '3.1.2' }, machine(512));
      expect(text).toContain('osv COMPlus_GCHeapHardLimit=14a00000');
    });

    it.each<[string, Parameters<typeof environment>]>([
      ['the machine is not known', [{}]],
      ['next to nothing is left', [{}, machine(64)]],
      ['the image sets one', [{ env: { DOTNET_GCHeapHardLimit: '1000000' } }, machine(512)]],
      ['the image sets a share', [{ env: { COMPlus_GCHeapHardLimitPercent: '32' } }, machine(512)]],
      [
        'the app was published with one',
        [{ properties: new Map([['System.GC.HeapHardLimit', '9']]) }, machine(512)],
      ],
      [
        'the user sets one',
        [{}, { ...machine(512), user: { DOTNET_GCHeapHardLimitPercent: '50' } }],
      ],
    ])('sets no limit when %s', (_, given) => {
      expect(environment(...given).text).not.toMatch(/osv \w+_GCHeapHardLimit/);
    });

    it.each<[string, boolean, Parameters<typeof environment>]>([
      ['in little memory', true, [{ properties: serverGc }, machine(512, 2)]],
      ['with one processor', true, [{ properties: serverGc }, machine(2048, 1)]],
      ['in a machine that has room', false, [{ properties: serverGc }, machine(2048, 4)]],
      ['in a machine that is not known', false, [{ properties: serverGc }]],
      ['that nobody asked for', false, [{ properties: new Map() }, machine(512, 1)]],
      [
        'that the image asks for by a variable',
        false,
        [{ properties: serverGc, env: { DOTNET_gcServer: '1' } }, machine(512, 1)],
      ],
    ])('turns off a heap for each processor %s: %s', (_, isOff, given) => {
      expect(environment(...given).text.includes('osv DOTNET_gcServer=0')).toBe(isOff);
    });

    it('saves what counting calls takes in the smallest machines', () => {
      expect(environment({}, machine(256)).text).toContain('osv DOTNET_TieredPGO=0');
      expect(environment({}, machine(512)).text).not.toContain('TieredPGO');
      expect(environment({ version: '6.0' }, machine(256)).text).not.toContain('TieredPGO');
    });
  });
});

/** Those of the runtime itself. */
function runtimeNames(entries: readonly { name: string; value: string }[]): string {
  const ofRuntime = /_(?:Enable\w+|INTERNAL\w+|LTTng)$/;
  return entries
    .filter(({ name }) => ofRuntime.test(name))
    .map(({ name, value }) => `${name}=${value}`)
    .join(' ');
}
