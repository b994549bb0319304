import { type Descriptor, digestOf } from '../../store/index.ts';
import { ConvertError } from '../error.ts';
import { documentCap } from '../oci/json.ts';
import type { Source, SourceCallOptions } from './source.ts';

/**
 * Reads a manifest, index or config of `source` whole and verifies its digest.
 * @throws ConvertError `MANIFEST_INVALID` above the cap for documents, `DIGEST_MISMATCH`, and what
 * `Source.fetch` throws.
 */
export async function readDocument(
  source: Pick<Source, 'fetch'>,
  descriptor: Descriptor,
  options: SourceCallOptions = {},
): Promise<Uint8Array> {
  requireDocumentSize(descriptor);
  const { digest } = descriptor;
  const chunks: Uint8Array[] = [];
  for await (const chunk of source.fetch(descriptor, options)) {
    chunks.push(chunk);
  }
  const bytes = Buffer.concat(chunks);
  const found = digestOf(bytes);
  if (found !== digest) {
    throw new ConvertError('DIGEST_MISMATCH', `fetching ${digest}: found bytes of digest ${found}`);
  }
  return bytes;
}

/** Documents are held in memory. @throws ConvertError `MANIFEST_INVALID` above the cap. */
export function requireDocumentSize({ digest, size }: Descriptor): void {
  if (size <= documentCap) return;
  throw new ConvertError(
    'MANIFEST_INVALID',
    `fetching ${digest}: found a size of ${size} bytes, wanted at most ${documentCap}`,
  );
}
