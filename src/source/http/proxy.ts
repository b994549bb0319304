import { isLoopback } from './url.ts';

export interface Proxy {
  readonly uri: string;
  /** Hosts that are spoken to directly. */
  readonly except: string;
}

/**
 * The proxy to a server by the usual variables, in lower or upper case: `HTTP_PROXY` is for http and
 * `HTTPS_PROXY` for https, neither stands in for the other; this machine is never behind one.
 */
export function proxyFor(origin: URL, env: NodeJS.ProcessEnv): Proxy | undefined {
  const word = (name: string) => env[name.toLowerCase()] || env[name] || '';
  const uri = word(origin.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY');
  if (uri === '' || isLoopback(origin.hostname)) {
    return undefined;
  }
  return { uri: /^[a-z0-9+]+:\/\//i.test(uri) ? uri : `http://${uri}`, except: word('NO_PROXY') };
}
