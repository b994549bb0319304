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

/** All addresses of the host. */
const everyAddress = '0.0.0.0';

/**
 * Reads the ports of one machine, each as `parsePortForward` does.
 * @throws ConvertError `USAGE`, also for two that are the same port of the host.
 */
export function parsePortForwards(texts: readonly string[]): readonly PortForward[] {
  const forwards = texts.map(parsePortForward);
  for (const [at, forward] of forwards.entries()) {
    const first = forwards.slice(0, at).findIndex((other) => isSamePort(other, forward));
    if (first === -1) continue;
    const { protocol, guestPort } = forward;
    throw new ConvertError(
      'USAGE',
      `reading the ports to forward: found ${texts[first]} and ${texts[at]}, wanted each port of the host once`,
      { hint: `take a port that is free: -p 0:${guestPort}${protocol === 'udp' ? '/udp' : ''}` },
    );
  }
  return forwards;
}

/** Whether the host cannot listen at both: what has every address has each. */
function isSamePort(one: PortForward, other: PortForward): boolean {
  if (one.hostPort === 0 || one.hostPort !== other.hostPort) return false;
  if (one.protocol !== other.protocol) return false;
  const addresses = [one.hostAddress, other.hostAddress];
  return addresses[0] === addresses[1] || addresses.includes(everyAddress);
}

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
