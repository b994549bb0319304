import type { SecureContext } from 'node:tls';
import type { Dispatcher } from 'undici';
import { ConvertError } from '../../error.ts';
import type { TlsOptions } from './certificates.ts';
import { proxyFor } from './proxy.ts';

export interface Timeouts {
  /** Milliseconds to a connection, TLS included. */
  readonly connect: number;
  /** Milliseconds to the end of the headers, and between two chunks of a body. */
  readonly silence: number;
}

const defaultTimeouts: Timeouts = { connect: 10_000, silence: 30_000 };

/** How servers are reached. */
export interface ConnectionOptions {
  readonly timeouts?: Timeouts;
  readonly tls?: TlsOptions;
  /** Where the variables of proxies and certificates stand; the process's unless given. */
  readonly env?: NodeJS.ProcessEnv;
}

/** Enough to fill a link, few enough not to be taken for an attack. */
const connectionsPerHost = 8;

/**
 * Keeps the connections to each server: a pool of its own, with its certificates and its proxy. undici
 * is loaded at the first request. Idle connections do not keep the process alive.
 */
export function createDispatchers(
  options: ConnectionOptions = {},
): (origin: string) => Promise<Dispatcher> {
  const dispatchers = new Map<string, Promise<Dispatcher>>();
  return (origin) => {
    const known = dispatchers.get(origin) ?? createDispatcher(new URL(origin), options);
    dispatchers.set(origin, known);
    return known;
  };
}

/** node:tls takes its time to load. */
async function secured(
  origin: URL,
  tls: TlsOptions | undefined,
  env: NodeJS.ProcessEnv,
): Promise<SecureContext | undefined> {
  const { readCertificates } = await import('./certificates.ts');
  return await readCertificates(origin, tls, env);
}

async function createDispatcher(origin: URL, options: ConnectionOptions): Promise<Dispatcher> {
  const { timeouts = defaultTimeouts, tls, env = process.env } = options;
  const secureContext = origin.protocol === 'https:' ? await secured(origin, tls, env) : undefined;
  const { Agent, EnvHttpProxyAgent } = await import('./agents.ts');
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
  if (!URL.canParse(proxy.uri)) {
    throw new ConvertError(
      'USAGE',
      `connecting to ${origin.host}: found a proxy variable that is no URL, wanted http://HOST:PORT`,
      { hint: 'unset HTTPS_PROXY HTTP_PROXY https_proxy http_proxy' },
    );
  }
  return new EnvHttpProxyAgent({
    ...pool,
    connect,
    requestTls: connect,
    proxyTls: { timeout: timeouts.connect },
    // Many proxies let CONNECT through to port 443 only.
    proxyTunnel: false,
    httpProxy: origin.protocol === 'http:' ? proxy.uri : '',
    httpsProxy: origin.protocol === 'https:' ? proxy.uri : '',
    noProxy: proxy.except,
  });
}
