import { type Descriptor, digestOf } from '../../../store/index.ts';
import { ociIndexType } from '../../oci/media-type.ts';
import { readDocument } from '../document.ts';
import type { Source } from '../source.ts';
import { chooseImage } from './choose.ts';
import type { Choice, Images } from './images.ts';

/** One image of `images` as a source. */
export function createImagesSource(images: Images, choice: Choice): Source {
  return {
    async resolve(options = {}) {
      const [descriptor, ...others] = await chooseImage(images, choice);
      if (descriptor === undefined || others.length > 0) {
        return indexOver([...(descriptor ? [descriptor] : []), ...others]);
      }
      return { descriptor, bytes: await readDocument(images, descriptor, options) };
    },
    fetch: (descriptor, options) => images.fetch(descriptor, options),
  };
}

/** An image that is listed once for each platform, as the index it would be in a registry. */
function indexOver(descriptors: readonly Descriptor[]) {
  const manifests = descriptors.map(({ annotations: _names, ...descriptor }) => descriptor);
  const bytes = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: ociIndexType, manifests }),
  );
  const descriptor = { mediaType: ociIndexType, digest: digestOf(bytes), size: bytes.length };
  return { descriptor, bytes };
}
