import { type Network, networkOf, userAddress, userPrefix } from './network.ts';
import type { PortForward } from './port-forward.ts';

/**
 * The cards of a machine in their order, which is that of OSv's `eth0`, `eth1`. Without any QEMU is told so:
 * it would make one, and OSv wait for an address.
 */
export function networkArguments(networks: readonly Network[]): string[] {
  if (networks.length === 0) return ['-nic', 'none'];
  return networks.flatMap((network, at) => [
    ...['-netdev', backend(network, at)],
    ...['-device', `virtio-net-pci,netdev=net${at},mac=${network.mac}`],
  ]);
}

function backend(network: Network, at: number): string {
  const id = `net${at}`;
  switch (network.kind) {
    case 'tap':
      // No scripts: whoever made the device has set it up.
      return `tap,id=${id},ifname=${network.device},script=no,downscript=no`;
    case 'bridge':
      return `bridge,id=${id},br=${network.device}`;
    case 'user': {
      const { restrict, hostname, address, forwards } = network;
      return [
        `user,id=${id}`,
        ...(restrict ? ['restrict=on'] : []),
        ...(hostname === undefined ? [] : [`hostname=${hostname}`]),
        ...(address ? userNetwork(address) : otherNetwork(at)),
        ...forwards.map((forward) => hostForward(forward, address?.ip ?? '')),
      ].join(',');
    }
  }
}

/** QEMU has the same addresses on all its networks, 10.0.2.0/24, which a guest with several would confuse. */
function otherNetwork(at: number): string[] {
  return at === 0 ? [] : [`net=${userAddress(at, 0)}/${userPrefix}`];
}

/** QEMU's side of the network the guest has its address in. Servers of names outside are reached as they are. */
function userNetwork(address: NonNullable<Network['address']>): string[] {
  const { ip, prefix, gateway, dns } = address;
  const network = networkOf(ip, prefix);
  const isInside = dns !== undefined && networkOf(dns, prefix) === network;
  return [
    `net=${network}/${prefix}`,
    ...(gateway === undefined ? [] : [`host=${gateway}`]),
    ...(isInside ? [`dns=${dns}`] : []),
  ];
}

/** Where no address of the guest is named, QEMU takes the one that it gives by DHCP. */
function hostForward(forward: PortForward, guest: string): string {
  const { protocol, hostAddress, hostPort, guestPort } = forward;
  return `hostfwd=${protocol}:${hostAddress}:${hostPort}-${guest}:${guestPort}`;
}
