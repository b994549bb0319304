import { splitRegistry } from '../../oci/reference.ts';
import { isLoopback } from '../http/url.ts';

/**
 * Where the API of a reference's registry is. Docker Hub's is on a host of its own. HTTPS, but
 * plain HTTP for this machine, where a registry for tests has no certificate and nobody listens in.
 * `plainHttp` forces one or the other.
 */
export function endpointOf({ registry }: { readonly registry: string }, plainHttp?: boolean): URL {
  const host = registry === 'docker.io' ? 'registry-1.docker.io' : registry;
  const plain = plainHttp ?? isLoopback(splitRegistry(host).host);
  return new URL(`${plain ? 'http' : 'https'}://${host}/`);
}
