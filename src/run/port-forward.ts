import { isIPv4 } from 'node:net';
import { ConvertError } from '../error.ts';

/** A port of the host that leads to one of the guest. */
export interface PortForward {
  readonly protocol: 'tcp' | 'udp';
  /** IPv4 address of the host to listen on. */
  readonly hostAddress: string;
  /** 0 lets the host choose. */
  readonly hostPort: number;
  readonly guestPort: number;
}

/** Only this machine reaches the guest unless the user says otherwise. */
const loopback = '127.0.0.1';

/** Reads `[HOSTIP:]HOST:GUEST[/tcp|/udp]`. @throws ConvertError `USAGE`. */
export function parsePortForward(text: string): PortForward {
  const [ports = '', protocol = 'tcp', ...rest] = text.split('/');
  const [guest, host, hostAddress = loopback, ...more] = ports.split(':').reverse();
  const hostPort = parsePort(host, 0);
  const guestPort = parsePort(guest, 1);
  if (
    hostPort === undefined ||
    guestPort === undefined ||
    !isIPv4(hostAddress) ||
    (protocol !== 'tcp' && protocol !== 'udp') ||
    rest.length + more.length > 0
  ) {
    throw new ConvertError(
      'USAGE',
      `reading a port to forward: found ${JSON.stringify(text.slice(0, 160))}, wanted [HOSTIP:]HOST:GUEST[/udp]`,
      { hint: '-p 8080:8080' },
    );
  }
  return { protocol, hostAddress, hostPort, guestPort };
}

function parsePort(text: string | undefined, least: number): number | undefined {
  const port = /^\d{1,5}$/.test(text ?? '') ? Number(text) : -1;
  return port >= least && port <= 65_535 ? port : undefined;
}
