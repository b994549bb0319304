import { ConvertError } from '../../error.ts';
import { parseReference } from '../../oci/reference.ts';

/**
 * Reads the name of a registry, `HOST[:PORT]`, as it begins a reference; Docker Hub by any of its names.
 * @throws ConvertError `REFERENCE_INVALID`.
 */
export function parseRegistry(text: string): string {
  const { registry, repository } = parseReference(`${text}/registry`);
  if (repository !== 'registry' && repository !== 'library/registry') {
    throw new ConvertError(
      'REFERENCE_INVALID',
      `reading the registry ${JSON.stringify(text.slice(0, 120))}: found no host, wanted HOST, HOST:PORT or [IPV6]:PORT`,
      { hint: 'write it as it begins a reference, such as quay.io or localhost:5000' },
    );
  }
  return registry;
}
