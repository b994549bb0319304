import { lookup } from 'node:dns/promises';
import { connect as connectTcp, isIP } from 'node:net';
import { connect as connectTls, type PeerCertificate, type SecureContext } from 'node:tls';
import { transportFailure } from '../source/http/failure.ts';

/** Milliseconds in which a connection or a handshake must be there. */
const timeLimit = 10_000;

export interface Host {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
  readonly signal?: AbortSignal | undefined;
}

export interface Handshake {
  /** `TLSv1.3`. */
  readonly protocol: string;
  readonly subject: string;
  readonly issuer: string;
  /** As the certificate writes it. */
  readonly expires: string;
  /** What is wrong with the certificate; undefined when it is trusted. */
  readonly problem?: Error;
}

/** The addresses of a host. @throws ConvertError `REGISTRY_UNREACHABLE`. */
export async function addressesOf({ host, signal }: Host): Promise<readonly string[]> {
  if (isIP(host) !== 0) return [host];
  const action = `looking up ${host}`;
  try {
    return (await lookup(host, { all: true })).map(({ address }) => address);
  } catch (error) {
    throw transportFailure(error, action, signal).error;
  }
}

/** Opens a connection and closes it; returns the address. @throws ConvertError `REGISTRY_UNREACHABLE`. */
export async function reachPort({ host, port, signal }: Host): Promise<string> {
  const socket = connectTcp({ host, port, timeout: timeLimit, ...(signal && { signal }) });
  try {
    await new Promise<void>((done, failed) => {
      socket.once('connect', done).once('error', failed);
      socket.once('timeout', () => failed(coded('ETIMEDOUT')));
    });
    return socket.remoteAddress ?? host;
  } catch (error) {
    throw transportFailure(error, `connecting to ${host}, port ${port}`, signal).error;
  } finally {
    socket.destroy();
  }
}

/** Shakes hands whatever the certificate, and tells what it is. @throws ConvertError `REGISTRY_TLS`. */
export async function shakeHands(
  { host, port, signal }: Host,
  secureContext?: SecureContext,
): Promise<Handshake> {
  const socket = connectTls({
    ...(secureContext && { secureContext }),
    host,
    port,
    timeout: timeLimit,
    // The certificate is judged below: a bad one is to be shown.
    rejectUnauthorized: false,
    ...(isIP(host) === 0 && { servername: host }),
  });
  const onAbort = () => socket.destroy();
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    await new Promise<void>((done, failed) => {
      socket.once('secureConnect', done).once('error', failed).once('close', failed);
      socket.once('timeout', () => failed(coded('ETIMEDOUT')));
    });
    const certificate = socket.getPeerCertificate();
    return {
      protocol: socket.getProtocol() ?? 'TLS',
      subject: nameOf(certificate.subject),
      issuer: nameOf(certificate.issuer),
      expires: certificate.valid_to,
      ...(!socket.authorized && { problem: coded(String(socket.authorizationError)) }),
    };
  } catch (error) {
    throw transportFailure(error, `shaking hands with ${host}, port ${port}`, signal).error;
  } finally {
    signal?.removeEventListener('abort', onAbort);
    socket.destroy();
  }
}

/** Of a code of Node's, which says what it means. */
function coded(code: string): Error {
  return Object.assign(new Error(code), { code });
}

/** The common name, else the organization, of a distinguished name. */
function nameOf(name: PeerCertificate['subject'] | undefined): string {
  return [name?.CN ?? name?.O ?? 'unnamed'].flat().join(', ').slice(0, 120);
}
