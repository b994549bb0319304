import type { Descriptor, Digest } from '../../store/index.ts';
import { ConvertError } from '../error.ts';
import { maxIndexDepth } from '../oci/image-index.ts';
import { documentCap } from '../oci/json.ts';
import { type Links, parseLinks } from '../oci/links.ts';
import { readDocument } from '../source/document.ts';
import type { Resolved, Source, SourceCallOptions } from '../source/source.ts';

/** A manifest or an index, and what it leads to. */
export interface Document extends Resolved {
  readonly links: Links;
}

/** Bytes of all documents of one image together, which are held in memory. */
const maxBytes = 16 * documentCap;

/**
 * The manifests and indexes an image consists of, each once and verified, what is led to before what
 * leads there.
 * @throws ConvertError `MANIFEST_INVALID`, also above the caps; the codes of sources.
 */
export async function collectDocuments(
  source: Source,
  root: Resolved,
  options: SourceCallOptions = {},
): Promise<readonly Document[]> {
  const found = new Map<Digest, Document>();
  let held = 0;

  async function visit(descriptor: Descriptor, bytes: Uint8Array, depth: number): Promise<void> {
    held += bytes.byteLength;
    if (depth > maxIndexDepth || held > maxBytes) {
      throw new ConvertError(
        'MANIFEST_INVALID',
        `reading the image: found indexes nested deeper than ${maxIndexDepth}, or manifests of more than ${maxBytes} bytes, wanted less`,
      );
    }
    const links = await parseLinks(bytes);
    for (const part of links.manifests) {
      if (found.has(part.digest)) continue;
      await visit(part, await readDocument(source, part, options), depth + 1);
    }
    found.set(descriptor.digest, { descriptor, bytes, links });
  }

  await visit(root.descriptor, root.bytes, 0);
  return [...found.values()];
}
