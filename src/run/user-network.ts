/** A connection of QEMU's user network, or a port of the host on which it waits for some. */
export interface UserConnection {
  readonly protocol: 'tcp' | 'udp';
  /** `HOST_FORWARD` for a port that waits, else the state of TCP. */
  readonly state: string;
  readonly sourceAddress: string;
  readonly sourcePort: number;
  readonly guestPort: number;
}

/**
 * Reads what QEMU's monitor says to `info usernet`, which has no form for programs:
 * `  TCP[HOST_FORWARD]   9       127.0.0.1 34059       10.0.2.15    80     0     0`. Lines of other
 * protocols are passed over.
 */
export function parseUserNetwork(text: string): readonly UserConnection[] {
  const line = /^ *(TCP|UDP)\[(\w+)\] +-?\d+ +([\d.*]+) +(\d+) +[\d.*]+ +(\d+) /gm;
  return [...text.matchAll(line)].map(
    ([, protocol, state = '', sourceAddress = '', sourcePort, guestPort]) => ({
      protocol: protocol === 'TCP' ? 'tcp' : 'udp',
      state,
      sourceAddress: sourceAddress === '*' ? '0.0.0.0' : sourceAddress,
      sourcePort: Number(sourcePort),
      guestPort: Number(guestPort),
    }),
  );
}
