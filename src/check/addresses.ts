import { posix } from 'node:path';
import type { DotnetApp } from '../dotnet/app.ts';
import { type Files, isFile } from '../dotnet/files.ts';
import type { Evidence, Finding } from './finding.ts';
import { listensOn, type Told } from './listening.ts';
import type { Setting } from './settings.ts';

/** What an app of ASP.NET Core is, and was given, that says where it listens. */
export interface Listener {
  readonly app: Pick<DotnetApp, 'aspnet' | 'args' | 'workingDirectory'>;
  /** Of the guest. */
  readonly env: ReadonlyMap<string, string>;
  readonly settings: readonly Setting[];
  /** `8080/tcp`, as the image's config has them. */
  readonly exposed: readonly string[];
}

/** Whether ASP.NET Core can be reached from outside, and has what HTTPS needs. */
export function checkAddresses(
  { app, env, settings, exposed }: Listener,
  files: Files,
): readonly Finding[] {
  if (!app.aspnet) return [];
  const told = listensOn(app, env, settings);
  if (told.length === 0) return [];
  return [
    ...unixSockets(told),
    ...ipv6(told),
    ...loopbackOnly(told),
    ...certificates(told, certificatesIn(env, settings), app.workingDirectory, files),
    ...exposedPorts(told, exposed),
  ];
}

const unix = /^https?:\/\/unix:/i;

/** Seen on OSv: Kestrel cannot bind, and the app ends. */
function unixSockets(told: readonly Told[]): readonly Finding[] {
  const first = told.find(({ urls }) => urls.some((url) => unix.test(url)));
  if (first === undefined) return [];
  return [
    {
      rule: 'unix-socket',
      severity: 'warning',
      evidence: evidenceOf(first),
      consequence: 'OSv has no Unix sockets: Kestrel cannot listen, and the app ends at its start',
      fix: 'listen on every interface: http://+:8080',
    },
  ];
}

/** But for `localhost` and what is no address, which Kestrel also listens to where there is no IPv6. */
const ofIpv6 = /^https?:\/\/\[/i;

/** Seen on OSv: Kestrel cannot bind, and the app ends. */
function ipv6(told: readonly Told[]): readonly Finding[] {
  const first = told.find(({ urls }) => urls.some((url) => ofIpv6.test(url)));
  if (first === undefined) return [];
  return [
    {
      rule: 'ipv6',
      severity: 'warning',
      evidence: evidenceOf(first),
      consequence: 'OSv has no IPv6: Kestrel cannot listen, and the app ends at its start',
      fix: 'listen on every interface: http://+:8080',
    },
  ];
}

const loopback = /^\w+:\/\/(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?=[:/]|$)/i;

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

const certificate = /^kestrel:(?:endpoints:[^:]+:certificate|certificates:[^:]+)(?::(path))?\b/i;

/** What names a certificate; of those that are a file, its path. */
interface Certificate extends Evidence {
  readonly path?: string;
}

function certificatesIn(
  env: ReadonlyMap<string, string>,
  settings: readonly Setting[],
): readonly Certificate[] {
  const variables = [...env].map(([name, value]) => ({
    key: name.replace(/^(?:aspnetcore|dotnet)_/i, '').replaceAll('__', ':'),
    value,
    evidence: { found: `${name}=${value}` },
  }));
  const named = settings.map(({ file, key, value }) => ({
    key,
    value,
    evidence: { file, found: `${key}=${value}` },
  }));
  return [...named, ...variables].flatMap(({ key, value, evidence }): Certificate[] => {
    const match = certificate.exec(key);
    if (match === null) return [];
    // A password stands under the same key.
    return [match[1] === undefined ? { found: key } : { ...evidence, path: value }];
  });
}

function certificates(
  told: readonly Told[],
  named: readonly Certificate[],
  workingDirectory: string,
  files: Files,
): readonly Finding[] {
  const secure = told.find(({ urls }) => urls.some((url) => /^https:/i.test(url)));
  if (secure === undefined) return [];
  if (named.length === 0) return [withoutCertificate(secure)];
  return named.flatMap(({ path, ...evidence }): Finding[] => {
    if (path === undefined || isFile(files, posix.resolve('/', workingDirectory, path))) return [];
    return [
      {
        rule: 'certificate-not-found',
        severity: 'warning',
        evidence,
        consequence:
          'the file is not in the image, and nothing is mounted on OSv: the app ends at its start',
        fix: `put it in the image, or on the disk: --add FILE:${posix.resolve('/', workingDirectory, path)}`,
      },
    ];
  });
}

function withoutCertificate(secure: Told): Finding {
  return {
    rule: 'https-without-certificate',
    severity: 'warning',
    evidence: evidenceOf(secure),
    consequence:
      'Kestrel finds no certificate, as there is none for development, and the app ends unless its code names one',
    fix: 'listen on http:// behind a proxy, or set Kestrel__Certificates__Default__Path',
  };
}

/** Images often expose more ports than are used; that none is used was forgotten in a change. */
function exposedPorts(told: readonly Told[], exposed: readonly string[]): readonly Finding[] {
  const [first] = told;
  const wanted = exposed.filter((port) => /^\d+(?:\/tcp)?$/.test(port)).map(Number.parseFloat);
  const ports = told.flatMap(({ urls }) => urls.map(portOf));
  // 0 is any port.
  const isUsed = wanted.some((port) => ports.includes(port)) || ports.includes(0);
  if (first === undefined || wanted.length === 0 || isUsed) return [];
  return [
    {
      rule: 'exposed-port',
      severity: 'note',
      evidence: evidenceOf(first),
      consequence: `the image exposes ${wanted.join(', ')}, where nobody listens`,
      fix: `forward the port that is listened on: osv-convert run FILE -p 8080:${ports[0]}`,
    },
  ];
}

function portOf(url: string): number {
  const port = /^\w+:\/\/(?:\[[^\]]*\]|[^/:]*):(\d{1,5})/.exec(url)?.[1];
  if (port !== undefined) return Number(port);
  return /^https:/i.test(url) ? 443 : 80;
}
