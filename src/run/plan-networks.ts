import { createHash } from 'node:crypto';
import { ConvertError } from '../error.ts';
import type { Network, StaticAddress } from './network.ts';
import type { NetworkWish } from './parse-network.ts';
import type { PortForward } from './port-forward.ts';

/**
 * The cards of a machine. Without a wish it has one on a user network. A MAC that was not given is made of
 * `id`, which names the machine on its networks, and the number of the card.
 * @throws ConvertError `USAGE` where forwards have no user network to go through, `none` is not alone,
 * some cards are static and some are not, more than one names a gateway or a DNS server, or two share a MAC.
 */
export function networksOf(
  wishes: readonly NetworkWish[],
  forwards: readonly PortForward[],
  id: string,
): readonly Network[] {
  const cards = wishes.flatMap((wish) => (wish.kind === 'none' ? [] : [wish]));
  if (cards.length < wishes.length && wishes.length > 1) {
    throw refused('none beside other networks', 'none alone');
  }
  if (wishes.length === 0) cards.push({ kind: 'user', restrict: false });
  const user = cards.findIndex(({ kind }) => kind === 'user');
  if (user === -1 && forwards.length > 0) {
    throw refused('ports to forward (-p) and no user network', '--network user');
  }
  requireOneWay(cards);
  const networks = cards.map(
    ({ device = '', mac, address, kind, restrict, hostname }, at): Network => {
      const common = { mac: mac ?? macOf(id, at), ...(address && { address }) };
      return kind === 'user'
        ? {
            ...{ kind, restrict, forwards: at === user ? forwards : [], ...common },
            ...(hostname !== undefined && { hostname }),
          }
        : { kind, device, ...common };
    },
  );
  if (new Set(networks.map(({ mac }) => mac)).size < networks.length) {
    throw refused('one MAC twice', 'one for each network');
  }
  return networks;
}

/** The kernel asks by DHCP on all cards or on none, and knows one gateway and one server of names (loader.cc). */
function requireOneWay(cards: readonly { readonly address?: StaticAddress }[]): void {
  const addresses = cards.flatMap(({ address }) => (address === undefined ? [] : [address]));
  if (addresses.length > 0 && addresses.length < cards.length) {
    throw refused('ip= for some networks and not for others', 'it for all or for none');
  }
  for (const key of ['gateway', 'dns'] as const) {
    if (addresses.filter((address) => address[key] !== undefined).length > 1) {
      throw refused(`${key}= more than once`, 'it for one network');
    }
  }
}

/** One of QEMU's range, which is for locally made addresses. */
function macOf(id: string, at: number): string {
  const [a, b, c] = createHash('sha256').update(`${id}\0${at}`).digest();
  return [0x52, 0x54, 0, a, b, c]
    .map((byte) => (byte ?? 0).toString(16).padStart(2, '0'))
    .join(':');
}

function refused(found: string, wanted: string): ConvertError {
  return new ConvertError('USAGE', `planning the networks: found ${found}, wanted ${wanted}`);
}
