import { BlockList, isIP } from 'node:net';

/**
 * Whether NO_PROXY has a server spoken to directly, by the rules of the tools written in Go
 * (golang.org/x/net/http/httpproxy), which docker, podman and skopeo are: names mean themselves and
 * all below them, `.NAME` and `*.NAME` only what is below, addresses and networks (`10.0.0.0/8`, `fd00::/8`) what
 * is written as an address, `*` everything; a port narrows a name or an address down to it.
 */
export function isExcepted(origin: URL, noProxy: string): boolean {
  const { hostname, protocol } = origin;
  const host = unbracketed(hostname.toLowerCase()).replace(/\.$/, '');
  const port = origin.port || (protocol === 'https:' ? '443' : '80');
  return noProxy
    .split(/[,\s]+/)
    .filter((entry) => entry !== '')
    .some((entry) => entry === '*' || covers(entry.toLowerCase(), host, port));
}

function covers(entry: string, host: string, port: string): boolean {
  const network = /^(.+)\/(\d{1,3})$/.exec(entry);
  if (network !== null) return isWithin(host, network[1] ?? '', Number(network[2]));
  // What is an address as a whole has no port, however it ends: `fd00::1`.
  const [, named, only] = isIP(entry) > 0 ? [] : (/^(.*):(\d+)$/.exec(entry) ?? []);
  if (only !== undefined && Number(only) !== Number(port)) return false;
  const name = unbracketed(named ?? entry);
  if (isIP(name) > 0 || isIP(host) > 0) return isWithin(host, name);
  const below = name.replace(/^\*\./, '.').replace(/\.$/, '');
  if (below.startsWith('.')) return host.endsWith(below);
  return below !== '' && (host === below || host.endsWith(`.${below}`));
}

/** By value: an IPv6 address can be written in several ways. */
function isWithin(host: string, address: string, prefix?: number): boolean {
  const version = isIP(address);
  const bits = version === 4 ? 32 : 128;
  if (version === 0 || isIP(host) !== version || (prefix ?? 0) > bits) return false;
  const family = version === 4 ? 'ipv4' : 'ipv6';
  const network = new BlockList();
  network.addSubnet(address, prefix ?? bits, family);
  return network.check(host, family);
}

function unbracketed(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1');
}
