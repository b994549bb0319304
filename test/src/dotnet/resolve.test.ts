import { afterAll, describe, expect, test } from 'vitest';
import type { RollForward } from '../../../src/dotnet/app.ts';
import type { InstalledFramework } from '../../../src/dotnet/installed.ts';
import { resolveFrameworks } from '../../../src/dotnet/resolve.ts';
import { parseRuntimeConfig } from '../../../src/dotnet/runtimeconfig.ts';
import { appReferencesOf, settingsOf } from '../../../src/dotnet/settings.ts';
import { compareVersions, parseVersion } from '../../../src/dotnet/version.ts';
import { ConvertError } from '../../../src/error.ts';
import { type Answer, type Installed, openHostfxr } from './hostfxr.ts';
import { questionsOfWorld } from './resolve-cases.ts';
import { compareWithHost } from './resolve-compare.ts';

const core = 'Microsoft.NETCore.App';
const aspnet = 'Microsoft.AspNetCore.App';
const third = 'Example.App';

/** Our answer, in the words of the host's. */
function choose(
  installed: readonly Installed[],
  config: string,
  words: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Answer {
  try {
    const settings = settingsOf(new Map(Object.entries(env)), words);
    const parsed = parseRuntimeConfig(Buffer.from(config), 'app.runtimeconfig.json');
    const resolution = resolveFrameworks(appReferencesOf(parsed, settings), settings, {
      frameworks: installed.flatMap(frameworkOf),
      unusable: [],
    });
    return resolution.kind === 'resolved'
      ? {
          kind: 'resolved',
          chosen: resolution.chosen.map(({ name, version }) => `${name} ${version.text}`),
        }
      : { kind: resolution.kind === 'invalid' ? 'refused' : resolution.kind };
  } catch (error) {
    if (error instanceof ConvertError && error.code === 'RUNTIMECONFIG_INVALID') {
      return { kind: 'refused' };
    }
    throw error;
  }
}

function frameworkOf({ name, version, config }: Installed): InstalledFramework[] {
  const parsed = parseVersion(version);
  return parsed === undefined
    ? []
    : [
        {
          name,
          version: parsed,
          path: `/shared/${name}/${version}`,
          ...(config !== undefined && { config: parseRuntimeConfig(Buffer.from(config), name) }),
        },
      ];
}

const configOf = (options: Record<string, unknown>): string =>
  JSON.stringify({ runtimeOptions: options });

/** What Microsoft's own ASP.NET Core says of what it needs. */
const aspnetConfig = (version: string): string =>
  configOf({ framework: { name: core, version }, rollForward: 'LatestPatch' });

describe('resolveFrameworks', () => {
  const versions =
    '2.1.0 3.1.1 3.1.5 5.0.3 8.0.0-preview.1.2 8.0.0-rc.1 8.0.4 8.0.30 8.1.0 9.0.1 10.0.0-preview.3';
  const installed = versions.split(' ').map((version) => ({ name: core, version }));

  test.each<[RollForward, string, string | undefined]>([
    ['LatestPatch', '8.0.0', '8.0.30'],
    ['LatestPatch', '8.0.31', undefined],
    ['LatestPatch', '8.0.0-preview.0', '8.0.0-preview.1.2'],
    ['LatestPatch', '9.0.0', '9.0.1'],
    ['Minor', '8.0.0', '8.0.30'],
    ['Minor', '8.0.31', '8.1.0'],
    ['Minor', '7.0.0', undefined],
    ['LatestMinor', '8.0.0', '8.1.0'],
    ['LatestMinor', '8.0.0-preview.0', '8.1.0'],
    ['Major', '7.0.0', '8.0.30'],
    ['Major', '4.0.0', '5.0.3'],
    ['Major', '8.0.31', '8.1.0'],
    ['LatestMajor', '4.0.0', '9.0.1'],
    ['LatestMajor', '7.0.0', '9.0.1'],
    ['LatestMajor', '8.0.0', '9.0.1'],
    ['LatestMajor', '8.0.0-preview.0', '10.0.0-preview.3'],
    ['Disable', '8.0.4', '8.0.4'],
    ['Disable', '8.0.0', undefined],
  ])(
    'takes the version of the host when rollForward is %s and %s is asked for',
    (rollForward, version, found) => {
      const config = configOf({ rollForward, framework: { name: core, version } });
      expect(choose(installed, config)).toEqual(
        found === undefined
          ? { kind: 'missing' }
          : { kind: 'resolved', chosen: [`${core} ${found}`] },
      );
    },
  );

  test.each<[string, Record<string, unknown>, string[], Record<string, string>, string]>([
    [
      'prereleases are as good as releases',
      { rollForward: 'Major', version: '7.0.0' },
      [],
      { DOTNET_ROLL_FORWARD_TO_PRERELEASE: '1' },
      '8.0.0-preview.1.2',
    ],
    ['patches are not applied', { applyPatches: false, version: '8.0.0' }, [], {}, '8.0.4'],
    [
      'the legacy setting allows major versions',
      { rollForwardOnNoCandidateFx: 2, version: '7.0.0' },
      [],
      {},
      '8.0.30',
    ],
    [
      'the legacy variable allows major versions',
      { version: '7.0.0' },
      [],
      { DOTNET_ROLL_FORWARD_ON_NO_CANDIDATE_FX: '2' },
      '8.0.30',
    ],
    [
      'the variable overrules the config',
      { rollForward: 'Disable', version: '7.0.0' },
      [],
      { DOTNET_ROLL_FORWARD: 'latestmajor' },
      '9.0.1',
    ],
    [
      'the option overrules the variable',
      { version: '7.0.0' },
      ['--roll-forward', 'Major'],
      { DOTNET_ROLL_FORWARD: 'Disable' },
      '8.0.30',
    ],
    [
      'the legacy option overrules the config',
      { version: '7.0.0' },
      ['--roll-forward-on-no-candidate-fx', '2'],
      {},
      '8.0.30',
    ],
    ['the option names the version', { version: '7.0.0' }, ['--fx-version', '8.0.4'], {}, '8.0.4'],
  ])('obeys settings when %s', (_, { version, ...options }, words, env, found) => {
    const config = configOf({ ...options, framework: { name: core, version } });
    expect(choose(installed, config, words, env)).toEqual({
      kind: 'resolved',
      chosen: [`${core} ${found}`],
    });
  });

  const pair = [
    ...['8.0.5', '8.0.10', '9.0.1'].map((version) => ({ name: core, version })),
    ...['8.0.10', '9.0.1'].map((version) => ({
      name: aspnet,
      version,
      config: aspnetConfig(version),
    })),
  ];

  test('starts again when a framework asks for more of one that is chosen already', () => {
    const frameworks = [
      { name: core, version: '8.0.0' },
      { name: aspnet, version: '8.0.0' },
    ];
    expect(choose(pair, configOf({ frameworks }))).toEqual({
      kind: 'resolved',
      chosen: [`${aspnet} 8.0.10`, `${core} 8.0.10`],
    });
  });

  test('lets an app ask for ASP.NET Core alone, as SDK 3.1 wrote it', () => {
    const config = configOf({ framework: { name: aspnet, version: '8.0.0' } });
    expect(choose(pair, config)).toEqual({
      kind: 'resolved',
      chosen: [`${aspnet} 8.0.10`, `${core} 8.0.10`],
    });
  });

  test('tells a conflict from a missing framework', () => {
    const frameworks = [
      { name: core, version: '9.0.0' },
      { name: aspnet, version: '8.0.0' },
    ];
    expect(choose(pair, configOf({ frameworks }))).toEqual({ kind: 'conflict' });
    expect(choose(pair, configOf({ framework: { name: third, version: '1.0.0' } }))).toEqual({
      kind: 'missing',
    });
  });

  test('ends when frameworks raise the version of each other a hundred times', () => {
    const asking = (name: string, version: number): string =>
      configOf({ applyPatches: false, framework: { name, version: `1.0.${version}` } });
    const frameworks = Array.from({ length: 150 }, (_, patch) => [
      { name: core, version: `1.0.${patch}`, config: asking(third, patch) },
      { name: third, version: `1.0.${patch}`, config: asking(core, patch + 1) },
    ]).flat();
    expect(() => choose(frameworks, asking(core, 0))).toThrow(/no end after 100 attempts/);
    expect(choose(frameworks.slice(0, 21), asking(core, 0))).toEqual({
      kind: 'missing',
    });
  });

  test('takes the highest of everything when one reference says LatestMajor', () => {
    const frameworks = [
      { name: core, version: '8.0.0' },
      { name: aspnet, version: '8.0.0' },
    ];
    expect(choose(pair, configOf({ rollForward: 'LatestMajor', frameworks }))).toEqual({
      kind: 'resolved',
      chosen: [`${aspnet} 9.0.1`, `${core} 9.0.1`],
    });
  });

  test.each([
    [
      'both generations of settings',
      { rollForward: 'Minor', applyPatches: true, framework: { name: core, version: '8.0.0' } },
    ],
    [
      'a rollForward nobody knows',
      { rollForward: 'Sideways', framework: { name: core, version: '8.0.0' } },
    ],
    [
      'a framework twice',
      {
        frameworks: [
          { name: core, version: '8.0.0' },
          { name: core, version: '8.0.1' },
        ],
      },
    ],
    [
      'included frameworks beside others',
      { framework: { name: core, version: '8.0.0' }, includedFrameworks: [] },
    ],
  ])('calls the config invalid when it has %s', (_, options) => {
    expect(choose(installed, configOf(options))).toEqual({ kind: 'refused' });
  });
});

describe('compareVersions', () => {
  test('orders by SemVer precedence', () => {
    const ordered =
      '1.0.0-1 1.0.0-2 1.0.0-10 1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 1.0.0 1.0.1 1.2.0 2.0.0 10.0.0'
        .split(' ')
        .map(parseVersion)
        .filter((version) => version !== undefined);
    for (const [i, a] of ordered.entries()) {
      for (const [j, b] of ordered.entries()) {
        expect(Math.sign(compareVersions(a, b))).toBe(Math.sign(i - j));
      }
    }
  });
});

describe('parseVersion', () => {
  test.each([
    '8',
    '8.0',
    '8.0.0.0',
    '08.0.0',
    '8.0.0-',
    '8.0.0-01',
    '8.0.0-a..b',
    '8.0.0+',
    'v8.0.0',
    '8.0.0 ',
    '../8.0.0',
    '99999999999.0.0',
  ])('is undefined for %j', (text) => {
    expect(parseVersion(text)).toBeUndefined();
  });

  test('keeps build metadata in the text and out of the order', () => {
    const [plain, built] = [parseVersion('8.0.0-rc.1'), parseVersion('8.0.0-rc.1+abc.01')];
    expect(built?.text).toBe('8.0.0-rc.1+abc.01');
    expect(plain && built && compareVersions(plain, built)).toBe(0);
  });
});

const hosts = [openHostfxr(), openHostfxr(), openHostfxr()].filter((host) => host !== undefined);
afterAll(() => hosts.map((host) => host.remove()));

const reason = hosts.length === 0 ? ' (left out: no .NET is installed here)' : '';

describe.skipIf(hosts.length === 0)(`the .NET host itself${reason}`, () => {
  test('chooses the same frameworks in the same order, or fails for the same reason', async () => {
    const count = 132;
    const { seen, differences } = await compareWithHost(hosts, {
      seed: 10,
      count,
      dialect: 'net10',
    });

    expect(differences.slice(0, 3)).toEqual([]);
    const { resolved, missing, conflict, refused } = seen;
    expect(Object.values(seen).reduce((a, b) => a + b)).toBe(count * questionsOfWorld);
    expect(Math.min(resolved, missing, refused)).toBeGreaterThan(300);
    expect(Math.min(conflict, seen['self-contained'])).toBeGreaterThan(30);
  });
});
