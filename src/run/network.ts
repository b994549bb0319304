import type { PortForward } from './port-forward.ts';

/** A network card of the guest and where its cable leads; the first one is eth0. */
export type Network = Wire & {
  /** Lower case, `52:54:00:12:34:56`. */
  readonly mac: string;
  /** By DHCP when absent. */
  readonly address?: StaticAddress;
};

export type Wire =
  /** Network address translation inside of QEMU: needs no rights. `restrict`: the guest reaches nothing, but is reached through its forwards. */
  | {
      readonly kind: 'user';
      readonly restrict: boolean;
      /** Of the guest, which QEMU tells it by DHCP. */
      readonly hostname?: string;
      readonly forwards: readonly PortForward[];
    }
  /** A tap device of the host: one that its owner made, or one that QEMU may make. */
  | { readonly kind: 'tap'; readonly device: string }
  /** A bridge of the host, joined by qemu-bridge-helper, whose bridge.conf must allow it. */
  | { readonly kind: 'bridge'; readonly device: string };

/** IPv4 addresses; OSv has no IPv6. */
export interface StaticAddress {
  readonly ip: string;
  /** Bits of the network, 1 to 30. */
  readonly prefix: number;
  readonly gateway?: string;
  readonly dns?: string;
}

/**
 * Options of OSv's loader that set the addresses of a machine's cards, in their order. Several cards on
 * QEMU's own networks are told what its DHCP would give them: by DHCP the kernel starts the app as soon as
 * one card has an address (core/dhcp.cc), and the others get theirs some time later.
 */
export function addressOptions(networks: readonly Network[]): readonly string[] {
  const addresses = isForetold(networks)
    ? networks.map(addressByQemu)
    : networks.flatMap(({ address }) => (address === undefined ? [] : [address]));
  const gateway = addresses.find((address) => address.gateway !== undefined)?.gateway;
  const dns = addresses.find((address) => address.dns !== undefined)?.dns;
  return [
    ...addresses.map(({ ip, prefix }, at) => `--ip=eth${at},${ip},${maskOf(prefix)}`),
    ...(gateway === undefined ? [] : [`--defaultgw=${gateway}`]),
    ...(dns === undefined ? [] : [`--nameserver=${dns}`]),
  ];
}

type UserNetwork = Extract<Network, { readonly kind: 'user' }>;

/** Whether DHCP would tell nothing that is not known: a host name comes by DHCP alone. */
function isForetold(networks: readonly Network[]): networks is readonly UserNetwork[] {
  return (
    networks.length > 1 &&
    networks.every(
      (network) =>
        network.kind === 'user' && network.address === undefined && network.hostname === undefined,
    )
  );
}

/** On a restricted network QEMU's DHCP names neither a gateway nor a server of names. */
function addressByQemu({ restrict }: UserNetwork, at: number): StaticAddress {
  return {
    ...{ ip: userAddress(at, 15), prefix: userPrefix },
    ...(!restrict && { gateway: userAddress(at, 2), dns: userAddress(at, 3) }),
  };
}

/** Bits of the network that QEMU's user networks have where nothing else is said. */
export const userPrefix = 24;

/** Address `host` in the user network of the card numbered `at`: QEMU's own first one, and those that follow it. */
export function userAddress(at: number, host: number): string {
  return `10.0.${2 + at}.${host}`;
}

/** The address of the network that `ip` is in. */
export function networkOf(ip: string, prefix: number): string {
  const mask = maskOf(prefix).split('.').map(Number);
  return ip
    .split('.')
    .map((byte, at) => Number(byte) & (mask[at] ?? 0))
    .join('.');
}

function maskOf(prefix: number): string {
  return [0, 8, 16, 24]
    .map((before) => 256 - 2 ** (8 - Math.min(Math.max(prefix - before, 0), 8)))
    .join('.');
}
