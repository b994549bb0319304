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

/** Options of OSv's loader that set the static addresses of a machine's cards, in their order. */
export function addressOptions(networks: readonly Network[]): readonly string[] {
  const addresses = networks.flatMap(({ address }) => (address === undefined ? [] : [address]));
  const gateway = addresses.find((address) => address.gateway !== undefined)?.gateway;
  const dns = addresses.find((address) => address.dns !== undefined)?.dns;
  return [
    ...addresses.map(({ ip, prefix }, at) => `--ip=eth${at},${ip},${maskOf(prefix)}`),
    ...(gateway === undefined ? [] : [`--defaultgw=${gateway}`]),
    ...(dns === undefined ? [] : [`--nameserver=${dns}`]),
  ];
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
