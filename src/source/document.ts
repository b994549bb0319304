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
  source: Source,
  descriptor: Descriptor,
  options: SourceCallOptions = {},
): Promise<Uint8Array> {
  const { digest, size } = descriptor;
  if (size > documentCap) {
    throw new ConvertError(
      'MANIFEST_INVALID',
      `fetching ${digest}: found a size of ${size} bytes, wanted at most ${documentCap}`,
    );
  }
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
