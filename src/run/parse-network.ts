import { isIPv4 } from 'node:net';
import { ConvertError } from '../error.ts';
import { networkOf, type StaticAddress } from './network.ts';

/** What was typed: a MAC may be missing, and forwards come later. */
export type NetworkWish =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'user' | 'tap' | 'bridge';
      readonly device?: string;
      readonly restrict: boolean;
      readonly hostname?: string;
      readonly mac?: string;
      readonly address?: StaticAddress;
    };

const grammar =
  'none, user, tap:NAME or bridge:NAME, then maybe ,mac=MAC ,ip=ADDRESS/PREFIX ,gateway=ADDRESS ,dns=ADDRESS, and for user ,hostname=NAME ,restrict';

/** Linux has names of 15 bytes (IFNAMSIZ). */
const deviceName = /^[A-Za-z0-9][\w.-]{0,14}$/;

/** A label of RFC 1123, section 2.1; OSv itself has no limit that is lower. */
const hostName = /^[a-z\d]([a-z\d-]{0,61}[a-z\d])?$/i;

/**
 * Reads `user|tap:NAME|bridge:NAME|none[,mac=M][,ip=A/P][,gateway=A][,dns=A][,hostname=N][,restrict]`.
 * @throws ConvertError `USAGE`.
 */
export function parseNetwork(text: string): NetworkWish {
  const [wire = '', ...words] = text.split(',');
  const [kind, device, ...more] = wire.split(':');
  const settings = parseSettings(words, text);
  const { mac, restrict = false, hostname, address } = settings;
  if (more.length > 0) throw invalid(text);
  if (kind === 'none' && device === undefined && words.length === 0) return { kind };
  if (kind !== 'user' && kind !== 'tap' && kind !== 'bridge') throw invalid(text);
  const isNamed = device !== undefined && deviceName.test(device);
  const isOfUser = restrict || hostname !== undefined;
  if (kind === 'user' ? device !== undefined : !isNamed || isOfUser) throw invalid(text);
  // A guest with a static address asks nobody for its name.
  if (hostname !== undefined && address !== undefined) throw invalid(text);
  return {
    kind,
    restrict,
    ...(hostname !== undefined && { hostname }),
    ...(device !== undefined && { device }),
    ...(mac !== undefined && { mac }),
    ...(address !== undefined && { address }),
  };
}

interface Settings {
  readonly mac?: string;
  readonly restrict?: boolean;
  readonly hostname?: string;
  readonly address?: StaticAddress;
}

function parseSettings(words: readonly string[], text: string): Settings {
  const given = new Map<string, string>();
  for (const word of words) {
    const equals = word.indexOf('=');
    const key = equals === -1 ? word : word.slice(0, equals);
    const isKnown = ['mac', 'ip', 'gateway', 'dns', 'hostname'].includes(key) && equals !== -1;
    if (given.has(key) || (!isKnown && word !== 'restrict')) throw invalid(text);
    given.set(key, word.slice(equals + 1));
  }
  const mac = given.get('mac')?.toLowerCase();
  if (mac !== undefined && !isUnicastMac(mac)) throw invalid(text);
  const hostname = given.get('hostname');
  if (hostname !== undefined && !hostName.test(hostname)) throw invalid(text);
  const address = parseAddress(given, text);
  return {
    ...(mac !== undefined && { mac }),
    ...(given.has('restrict') && { restrict: true }),
    ...(hostname !== undefined && { hostname }),
    ...(address !== undefined && { address }),
  };
}

/** The lowest bit of the first byte says that a MAC is that of a group (IEEE 802). */
function isUnicastMac(mac: string): boolean {
  return /^[\da-f][02468ace](:[\da-f]{2}){5}$/.test(mac) && mac !== '00:00:00:00:00:00';
}

function parseAddress(given: ReadonlyMap<string, string>, text: string): StaticAddress | undefined {
  const cidr = given.get('ip');
  const gateway = given.get('gateway');
  const dns = given.get('dns');
  if (cidr === undefined) {
    // DHCP tells both, and OSv would set them before it knows where they are.
    if (gateway !== undefined || dns !== undefined) throw invalid(text);
    return undefined;
  }
  const [ip = '', bits = '', ...rest] = cidr.split('/');
  const prefix = /^\d{1,2}$/.test(bits) ? Number(bits) : 0;
  if (!isIPv4(ip) || prefix < 1 || prefix > 30 || rest.length > 0) throw invalid(text);
  for (const address of [gateway, dns]) {
    if (address !== undefined && !isIPv4(address)) throw invalid(text);
  }
  if (gateway !== undefined && networkOf(gateway, prefix) !== networkOf(ip, prefix)) {
    throw new ConvertError(
      'USAGE',
      `reading a network: found the gateway ${gateway} outside of ${networkOf(ip, prefix)}/${prefix}, wanted one inside`,
    );
  }
  return { ip, prefix, ...(gateway && { gateway }), ...(dns && { dns }) };
}

function invalid(text: string): ConvertError {
  return new ConvertError(
    'USAGE',
    `reading a network: found ${JSON.stringify(text.slice(0, 160))}, wanted ${grammar}`,
    { hint: '--network tap:tap0,ip=192.0.2.2/24,gateway=192.0.2.1' },
  );
}
