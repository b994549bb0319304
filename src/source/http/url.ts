import { isIPv4 } from 'node:net';

/** A URL as it may be shown: without user, password, query and fragment, where secrets travel. */
export function shownUrl(url: URL): string {
  return url.origin + url.pathname;
}

/** True for the names and addresses of this machine (RFC 6761 section 6.3, RFC 1122, RFC 4291). */
export function isLoopback(host: string): boolean {
  const name = host.replace(/^\[|\]$/g, '');
  const local = name === 'localhost' || name.endsWith('.localhost') || name === '::1';
  return local || (isIPv4(name) && name.startsWith('127.'));
}
