import type { DotnetApp } from '../dotnet/app.ts';
import type { Evidence } from './finding.ts';
import type { Setting } from './settings.ts';

/** Where somebody told ASP.NET Core to listen. */
export interface Told extends Evidence {
  readonly urls: readonly string[];
}

/**
 * What counts of all that tells ASP.NET Core where to listen; nothing where its default counts, or its code.
 * `env` is that of the guest. Endpoints of Kestrel win over addresses; of these the command line, the
 * settings and the variables, in this order; ports stand behind all (Microsoft.AspNetCore.Server.Kestrel,
 * AddressBinder).
 */
export function listensOn(
  { args }: Pick<DotnetApp, 'args'>,
  env: ReadonlyMap<string, string>,
  settings: readonly Setting[],
): readonly Told[] {
  const given = optionsOf(args);
  const sources = [
    endpointsIn(given, env, settings),
    [...urlsOfOptions(given), ...urlsOfSettings(settings), ...urlsOfVariables(env)].slice(0, 1),
    portsIn(given, env, settings),
  ];
  return sources.find(({ length }) => length > 0) ?? [];
}

/** An option of the command line, as .NET's configuration reads it: `--key value`, `--key=value`, `/key=value`. */
interface Option {
  readonly key: string;
  readonly value: string;
}

function optionsOf(args: readonly string[]): readonly Option[] {
  return args.flatMap((arg, at) => {
    const [, key, own] = /^(?:--|\/)([^=]{1,1000})(?:=([\s\S]*))?$/.exec(arg) ?? [];
    const value = own ?? args[at + 1];
    return key !== undefined && value !== undefined && value !== '' ? [{ key, value }] : [];
  });
}

const endpointUrl = /^kestrel:endpoints:[^:]+:url$/i;

function endpointsIn(
  given: readonly Option[],
  env: ReadonlyMap<string, string>,
  settings: readonly Setting[],
): readonly Told[] {
  // A variable counts more than a setting of the same key, and an option more than both.
  const endpoints = new Map<string, Told>();
  const tell = (key: string, told: Told): void => {
    if (endpointUrl.test(key)) endpoints.set(key.toLowerCase(), told);
  };
  for (const { file, key, value } of settings) {
    tell(key, { file, found: `${key}=${value}`, urls: [value] });
  }
  for (const [name, value] of env) {
    const key = name.replace(/^(?:aspnetcore|dotnet)_/i, '').replaceAll('__', ':');
    tell(key, { found: `${name}=${value}`, urls: [value] });
  }
  for (const { key, value } of given) tell(key, { found: `--${key} ${value}`, urls: [value] });
  return [...endpoints.values()];
}

function urlsOfOptions(given: readonly Option[]): readonly Told[] {
  return given
    .filter(({ key }) => key.toLowerCase() === 'urls')
    .map(({ key, value }) => ({ found: `--${key} ${value}`, urls: split(value) }));
}

function urlsOfSettings(settings: readonly Setting[]): readonly Told[] {
  return settings
    .filter(({ key }) => key.toLowerCase() === 'urls')
    .map(({ file, key, value }) => ({ file, found: `${key}=${value}`, urls: split(value) }));
}

function urlsOfVariables(env: ReadonlyMap<string, string>): readonly Told[] {
  return ['URLS', 'ASPNETCORE_URLS', 'DOTNET_URLS'].flatMap((name) => {
    const value = env.get(name);
    return value ? [{ found: `${name}=${value}`, urls: split(value) }] : [];
  });
}

/** `HTTP_PORTS` and `HTTPS_PORTS`, the first place of each that has some. */
function portsIn(
  given: readonly Option[],
  env: ReadonlyMap<string, string>,
  settings: readonly Setting[],
): readonly Told[] {
  return ['http', 'https'].flatMap((scheme) => {
    const key = `${scheme}_ports`;
    const isKey = (one: { readonly key: string }): boolean => one.key.toLowerCase() === key;
    const variables = ['', 'ASPNETCORE_', 'DOTNET_'].map((each) => `${each}${key.toUpperCase()}`);
    const places: (Evidence & { readonly ports: readonly string[] })[] = [
      ...given
        .filter(isKey)
        .map(({ value }) => ({ found: `--${key} ${value}`, ports: split(value) })),
      ...settings
        .filter(isKey)
        .map(({ file, value }) => ({ file, found: `${key}=${value}`, ports: split(value) })),
      ...variables.map((name) => {
        const ports = split(env.get(name) ?? '');
        return { found: `${name}=${ports.join(';')}`, ports };
      }),
    ];
    const place = places.find(({ ports }) => ports.length > 0);
    if (place === undefined) return [];
    const { ports, ...evidence } = place;
    return [{ ...evidence, urls: ports.map((port) => `${scheme}://*:${port}`) }];
  });
}

function split(list: string): readonly string[] {
  return list
    .split(';')
    .map((one) => one.trim())
    .filter((one) => one !== '');
}
