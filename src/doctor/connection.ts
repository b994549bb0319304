import { readCertificates } from '../source/http/certificates.ts';
import { transportFailure } from '../source/http/failure.ts';
import { proxyFor } from '../source/http/proxy.ts';
import { isOfUnknownAuthority, systemAuthorities } from '../source/http/system-authorities.ts';
import { type Finding, skipped } from './diagnosis.ts';
import { addressesOf, type Host, reachPort, shakeHands } from './reach.ts';
import type { Way } from './way.ts';

const throughProxy = skipped('a proxy is set, which looks up and connects for us');

/** @throws ConvertError `REGISTRY_UNREACHABLE`. */
export async function checkName(way: Way): Promise<Finding> {
  if (isProxied(way)) return throughProxy;
  const { host } = hostOf(way);
  const addresses = await addressesOf(hostOf(way));
  return { text: `${host} is ${addresses.join(', ')}` };
}

/** @throws ConvertError `REGISTRY_UNREACHABLE`. */
export async function checkPort(way: Way): Promise<Finding> {
  if (isProxied(way)) return throughProxy;
  return { text: `${await reachPort(hostOf(way))} answers on port ${hostOf(way).port}` };
}

/** @throws ConvertError `REGISTRY_TLS`, `REGISTRY_UNREACHABLE`. */
export async function checkCertificate(way: Way): Promise<Finding> {
  const { api, settings, signal } = way;
  if (isProxied(way)) return throughProxy;
  if (api.endpoint.protocol === 'http:') return skipped('plain HTTP: nothing is encrypted');
  const { env = process.env, tls } = settings;
  const shake = async (authorities?: string) =>
    shakeHands(hostOf(way), await readCertificates(api.endpoint, tls, { env, authorities }));
  const first = await shake();
  const shaken = isOfUnknownAuthority(first.problem)
    ? await shake(await systemAuthorities(env))
    : first;
  const { protocol, subject, issuer, expires, problem } = shaken;
  const certificate = `the certificate of ${subject}, issued by ${issuer}, good until ${expires}`;
  if (problem !== undefined) {
    throw transportFailure(problem, `verifying ${certificate}`, signal).error;
  }
  return { text: `${protocol}, ${certificate}` };
}

function isProxied({ api, settings }: Way): boolean {
  return proxyFor(api.endpoint, settings.env ?? process.env) !== undefined;
}

function hostOf({ api, signal }: Way): Host {
  const { hostname, port, protocol } = api.endpoint;
  const usual = protocol === 'https:' ? 443 : 80;
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? usual : Number(port),
    signal,
  };
}
