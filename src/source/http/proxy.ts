import { ConvertError } from '../../error.ts';
import { basicAuthorization } from './basic-authorization.ts';
import { isExcepted } from './no-proxy.ts';
import { isLoopback } from './url.ts';

/** Kinds of proxies that undici speaks to. */
const schemes: readonly string[] = ['http:', 'https:', 'socks5:', 'socks:'];

/**
 * The URL of the proxy to a server by the usual variables, in lower or upper case: `HTTP_PROXY` is for
 * http and `HTTPS_PROXY` for https, neither stands in for the other; this machine, and what `NO_PROXY`
 * names, are never behind one. What is no URL is told by `addressOfProxy`.
 */
export function proxyFor(origin: URL, env: NodeJS.ProcessEnv): string | undefined {
  const word = (name: string) => env[name.toLowerCase()] || env[name] || '';
  const proxy = word(origin.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY');
  if (proxy === '' || isLoopback(origin.hostname) || isExcepted(origin, word('NO_PROXY'))) {
    return undefined;
  }
  return /^[a-z0-9+]+:\/\//i.test(proxy) ? proxy : `http://${proxy}`;
}

/**
 * Where a proxy is, and the value of the Proxy-Authorization it is sent: of a URL, undici itself takes
 * no user without a password, and fails at a `%` that escapes nothing.
 * @throws ConvertError `USAGE`, which quotes nothing of the URL: a password may stand in it.
 */
export function addressOfProxy(proxy: string, origin: URL): { uri: string; token?: string } {
  const url = URL.canParse(proxy) ? new URL(proxy) : undefined;
  if (url === undefined || !schemes.includes(url.protocol)) {
    throw new ConvertError(
      'USAGE',
      `connecting to ${origin.host}: found a proxy variable that is no URL, wanted http://HOST:PORT`,
      { hint: 'unset HTTPS_PROXY HTTP_PROXY https_proxy http_proxy' },
    );
  }
  const { username, password, protocol } = url;
  // A SOCKS proxy is told them in its own words.
  if (username === '' || protocol.startsWith('socks')) return { uri: url.href };
  url.username = '';
  url.password = '';
  return { uri: url.href, token: basicAuthorization(unescaped(username), unescaped(password)) };
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
