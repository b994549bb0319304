import type { Descriptor, Digest } from '../../../store/index.ts';
import { ConvertError } from '../../error.ts';
import { parseDocument } from '../../oci/document.ts';
import { documentCap } from '../../oci/json.ts';
import { readDocument } from '../document.ts';
import type { Images } from '../layout/images.ts';

/** Bytes of all manifests and indexes of one archive together. */
const maxBytes = 16 * documentCap;

/**
 * Whether a layout has every image of `listed`, given as the digests of its config and of its layers
 * from the bottom up. Manifests that are not there, or are of no image, count for nothing.
 * @throws ConvertError the codes of sources; `MANIFEST_INVALID` for too many manifests.
 */
export async function hasAll(
  layout: Images,
  listed: readonly (readonly Digest[])[],
): Promise<boolean> {
  const missing = new Set(listed.map((parts) => parts.join()));
  const seen = new Set<Digest>();
  const queue = layout.list.map(({ descriptor }) => descriptor);
  let held = 0;
  for (let next = queue.pop(); next !== undefined && missing.size > 0; next = queue.pop()) {
    const { digest, size } = next;
    if (seen.has(digest) || (await layout.size(digest)) !== size) continue;
    seen.add(digest);
    held += size;
    if (held > maxBytes) {
      throw new ConvertError(
        'MANIFEST_INVALID',
        `reading ${layout.where}: found manifests of more than ${maxBytes} bytes, wanted fewer`,
      );
    }
    const { parts, manifests } = await contentsOf(layout, next);
    missing.delete(parts.join());
    queue.push(...manifests);
  }
  return missing.size === 0;
}

interface Contents {
  /** Of a manifest: config, then layers. */
  readonly parts: readonly Digest[];
  /** Of an index. */
  readonly manifests: readonly Descriptor[];
}

async function contentsOf(layout: Images, descriptor: Descriptor): Promise<Contents> {
  const bytes = await readDocument(layout, descriptor);
  try {
    const document = await parseDocument(bytes, descriptor.mediaType);
    if (document.kind === 'index') return { parts: [], manifests: document.index.manifests };
    const { config, layers } = document.manifest;
    return { parts: [config, ...layers].map(({ digest }) => digest), manifests: [] };
  } catch (error) {
    if (error instanceof ConvertError) return { parts: [], manifests: [] };
    throw error;
  }
}
