import type { SecureContext } from 'node:tls';
import type { Dispatcher } from 'undici';
import type { TlsOptions } from './certificates.ts';
import { addressOfProxy, proxyFor } from './proxy.ts';
import { systemAuthorities } from './system-authorities.ts';

export interface Timeouts {
  /** Milliseconds to a connection, TLS included. */
  readonly connect: number;
  /** Milliseconds to the end of the headers, and between two chunks of a body. */
  readonly silence: number;
}

export const defaultTimeouts: Timeouts = { connect: 10_000, silence: 30_000 };

/** How servers are reached. */
export interface ConnectionOptions {
  readonly timeouts?: Timeouts;
  readonly tls?: TlsOptions;
  /** Where the variables of proxies and certificates stand; the process's unless given. */
  readonly env?: NodeJS.ProcessEnv;
}

/** Enough to fill a link, few enough not to be taken for an attack. */
const connectionsPerHost = 8;

/** `system`: those this machine trusts count too, and are remembered for the server. */
export type Dispatchers = (origin: string, trust?: 'system') => Promise<Dispatcher>;

/**
 * Keeps the connections to each server: a pool of its own, with its certificates and its proxy. undici
 * is loaded at the first request. Idle connections do not keep the process alive.
 */
export function createDispatchers(options: ConnectionOptions = {}): Dispatchers {
  const kept = new Map<string, Promise<Dispatcher>>();
  const trusting = new Set<string>();
  return (origin, trust) => {
    const known = kept.get(origin);
    if (known !== undefined && (trust === undefined || trusting.has(origin))) return known;
    if (trust !== undefined) trusting.add(origin);
    const made = createDispatcher(new URL(origin), options, trust);
    kept.set(origin, made);
    return made;
  };
}

/** node:tls takes its time to load. */
async function secured(
  origin: URL,
  tls: TlsOptions | undefined,
  env: NodeJS.ProcessEnv,
  trust: 'system' | undefined,
): Promise<SecureContext | undefined> {
  const { readCertificates } = await import('./certificates.ts');
  const authorities = trust && (await systemAuthorities(env));
  return await readCertificates(origin, tls, { env, authorities });
}

async function createDispatcher(
  origin: URL,
  options: ConnectionOptions,
  trust: 'system' | undefined,
): Promise<Dispatcher> {
  const { timeouts = defaultTimeouts, tls, env = process.env } = options;
  const secureContext =
    origin.protocol === 'https:' ? await secured(origin, tls, env, trust) : undefined;
  const { Agent, ProxyAgent } = await import('./agents.ts');
  const connect = { timeout: timeouts.connect, ...(secureContext && { secureContext }) };
  const pool = {
    connections: connectionsPerHost,
    pipelining: 1,
    headersTimeout: timeouts.silence,
    bodyTimeout: timeouts.silence,
  };
  const proxy = proxyFor(origin, env);
  if (proxy === undefined) {
    return new Agent({ ...pool, connect });
  }
  return new ProxyAgent({
    ...pool,
    ...addressOfProxy(proxy, origin),
    connect,
    requestTls: connect,
    proxyTls: { timeout: timeouts.connect },
    // Many proxies let CONNECT through to port 443 only.
    proxyTunnel: false,
  });
}
