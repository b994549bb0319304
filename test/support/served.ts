import type { BuiltImage } from './layers.ts';
import type { ServedImage } from './registry/image.ts';

/** An image that was built, as the in-process registry serves it. */
export function served(image: BuiltImage, repository: string, tag = '1.0'): ServedImage {
  const manifest = image.blobs.get(image.manifest.digest) ?? new Uint8Array();
  return {
    repository,
    tags: [tag],
    manifests: [{ mediaType: image.manifest.mediaType, bytes: manifest }],
    blobs: [...image.blobs.values()],
  };
}
