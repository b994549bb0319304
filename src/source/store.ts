import type { Store } from '../../store/index.ts';
import { isDocumentType } from '../oci/media-type.ts';
import { requireSize } from './layout/file.ts';
import type { Images } from './layout/images.ts';

/** The images of a store under their names. Closing it leaves the store open. */
export async function openStoreImages(store: Store): Promise<Images> {
  const refs = await store.refs.list();
  const where = `the store ${store.path}`;
  return {
    where,
    location: 'store',
    naming: () => 'osv-convert images',
    list: refs.map(({ name, descriptor }) => ({ names: [name], descriptor })),
    referrers: [],
    async *fetch({ mediaType, digest, size }, { offset = 0, signal } = {}) {
      // With a manifest all is held that it leads to.
      if (isDocumentType(mediaType)) await store.hold([digest]);
      let at = 0;
      for await (const chunk of store.blobs.stream(digest, signal ? { signal } : {})) {
        const skipped = Math.max(0, offset - at);
        at += chunk.length;
        if (skipped < chunk.length) yield chunk.subarray(skipped);
      }
      requireSize(at, size, `reading ${digest} of ${where}`);
    },
    size: (digest) => store.blobs.size(digest),
    close: async () => undefined,
  };
}
