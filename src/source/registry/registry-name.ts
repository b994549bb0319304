import { ConvertError } from '../../error.ts';
import { parseReference, type Reference } from '../../oci/reference.ts';

/**
 * Reads the name of a registry, `HOST[:PORT]`, as it begins a reference; Docker Hub by any of its names.
 * @throws ConvertError `REFERENCE_INVALID`.
 */
export function parseRegistry(text: string): string {
  const { registry, repository } = referenceIn(text);
  if (repository !== 'registry' && repository !== 'library/registry') throw refusal(text);
  return registry;
}

/** An image of the registry: its name alone would be that of an image. */
function referenceIn(text: string): Reference {
  try {
    return parseReference(`${text}/registry`);
  } catch (cause) {
    throw refusal(text, cause);
  }
}

function refusal(text: string, cause?: unknown): ConvertError {
  const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(text)?.[0];
  const found = scheme === undefined ? 'no host' : `the scheme ${scheme}`;
  return new ConvertError(
    'REFERENCE_INVALID',
    `reading the registry ${JSON.stringify(text.slice(0, 120))}: found ${found}, wanted HOST, HOST:PORT or [IPV6]:PORT`,
    { hint: 'write it as it begins a reference, such as quay.io or localhost:5000', cause },
  );
}
