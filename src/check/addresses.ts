import type { DotnetApp } from '../dotnet/app.ts';
import type { Evidence, Finding } from './finding.ts';
import type { Setting } from './settings.ts';

/** Where somebody told ASP.NET Core to listen. */
interface Told extends Evidence {
  readonly urls: readonly string[];
}

/**
 * Whether ASP.NET Core can be reached from outside, and has what HTTPS needs. `env` is that of the guest.
 * Endpoints of Kestrel win over addresses; of these the command line, the settings and the variables, in
 * this order; ports stand behind all (Microsoft.AspNetCore.Server.Kestrel, AddressBinder).
 */
export function checkAddresses(
  { aspnet, args }: Pick<DotnetApp, 'aspnet' | 'args'>,
  env: ReadonlyMap<string, string>,
  settings: readonly Setting[],
): readonly Finding[] {
  if (!aspnet) return [];
  const told = [
    endpointsIn(env, settings),
    [...urlsOfArgs(args), ...urlsOfSettings(settings), ...urlsOfVariables(env)].slice(0, 1),
    portsIn(env),
  ].find(({ length }) => length > 0);
  if (told === undefined) return [];
  return [...loopbackOnly(told), ...withoutCertificate(told, env, settings)];
}

function loopbackOnly(told: readonly Told[]): readonly Finding[] {
  const [first] = told;
  const isLoopback = told.every(({ urls }) => urls.every((url) => loopback.test(url)));
  if (first === undefined || !isLoopback) return [];
  return [
    {
      rule: 'loopback-only',
      severity: 'warning',
      evidence: evidenceOf(first),
      consequence: 'nothing but the app itself is in the machine: nobody can reach it there',
      fix: 'listen on every interface: http://+:8080',
    },
  ];
}

function evidenceOf({ file, found }: Told): Evidence {
  return { ...(file !== undefined && { file }), found: found.slice(0, 200) };
}

const loopback = /^\w+:\/\/(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?=[:/]|$)/i;

function withoutCertificate(
  told: readonly Told[],
  env: ReadonlyMap<string, string>,
  settings: readonly Setting[],
): readonly Finding[] {
  const secure = told.find(({ urls }) => urls.some((url) => /^https:/i.test(url)));
  const keys = [...settings.map(({ key }) => key), ...env.keys()];
  const isCertificate = /^(?:(?:aspnetcore|dotnet)_)?kestrel(?::|__).*certificates?(?::|__)/i;
  if (secure === undefined || keys.some((key) => isCertificate.test(key))) return [];
  return [
    {
      rule: 'https-without-certificate',
      severity: 'warning',
      evidence: evidenceOf(secure),
      consequence:
        'Kestrel finds no certificate, as there is none for development, and the app ends unless its code names one',
      fix: 'listen on http:// behind a proxy, or set Kestrel__Certificates__Default__Path',
    },
  ];
}

function endpointsIn(
  env: ReadonlyMap<string, string>,
  settings: readonly Setting[],
): readonly Told[] {
  // A variable counts more than a setting of the same key.
  const endpoints = new Map<string, Told>();
  for (const { file, key, value } of settings) {
    if (!/^kestrel:endpoints:[^:]+:url$/i.test(key)) continue;
    endpoints.set(key.toLowerCase(), { file, found: `${key}=${value}`, urls: [value] });
  }
  for (const [name, value] of env) {
    const key = /^(?:(?:aspnetcore|dotnet)_)?(kestrel__endpoints__.+__url)$/i.exec(name)?.[1];
    if (key === undefined) continue;
    endpoints.set(key.toLowerCase().replaceAll('__', ':'), {
      found: `${name}=${value}`,
      urls: [value],
    });
  }
  return [...endpoints.values()];
}

function urlsOfArgs(args: readonly string[]): readonly Told[] {
  return args.flatMap((arg, at) => {
    const value = /^(?:--|\/)urls(?:=(.*))?$/i.exec(arg);
    const urls = value && (value[1] ?? args[at + 1]);
    return urls ? [{ found: `--urls ${urls}`, urls: split(urls) }] : [];
  });
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

function portsIn(env: ReadonlyMap<string, string>): readonly Told[] {
  return ['HTTP', 'HTTPS'].flatMap((scheme) =>
    ['', 'ASPNETCORE_', 'DOTNET_'].flatMap((prefix) => {
      const name = `${prefix}${scheme}_PORTS`;
      const ports = split(env.get(name) ?? '');
      const urls = ports.map((port) => `${scheme.toLowerCase()}://*:${port}`);
      return ports.length > 0 ? [{ found: `${name}=${ports.join(';')}`, urls }] : [];
    }),
  );
}

function split(urls: string): readonly string[] {
  return urls
    .split(';')
    .map((url) => url.trim())
    .filter((url) => url !== '');
}
