import type { Descriptor, Digest } from '../../store/index.ts';
import { keptArtifactType } from '../dotnet/kept-refs.ts';
import { ConvertError } from '../error.ts';
import { maxIndexDepth } from '../oci/image-index.ts';
import { parseLinks } from '../oci/links.ts';
import { readStored, type Transfer } from '../pull/resolve-image.ts';
import { chooseImage } from '../source/layout/choose.ts';
import type { Images, NamedImage } from '../source/layout/images.ts';

/**
 * The images of a file that are to be loaded: that of `name`; all where it is absent, and where the file
 * has none but other artifacts, whichever of these can be meant.
 * @throws ConvertError `IMAGE_NOT_FOUND`, `REFERENCE_INVALID`.
 */
export async function wantedImages(
  images: Images,
  name: string | undefined,
): Promise<readonly NamedImage[]> {
  if (name === undefined) {
    const all = images.list.filter(({ descriptor }) => isLoadable(descriptor));
    if (all.length > 0) return all;
  }
  const chosen = await chooseImage(images, name === undefined ? {} : { tag: name });
  return images.list.filter(({ descriptor }) => chosen.includes(descriptor));
}

/** Of artifacts only kept runtimes, which are images. */
function isLoadable({ artifactType }: Descriptor): boolean {
  return artifactType === undefined || artifactType === keptArtifactType;
}

/**
 * The manifests of an image whose parts are all in the file: docker saves one platform of many. None is
 * visited twice, for indexes that list each other's entries often would take for ever.
 * @throws ConvertError `IMAGE_NOT_FOUND` where there is none; the codes of sources and documents.
 */
export async function wholeManifests(
  images: Images,
  transfer: Transfer,
  { names, descriptor: image }: NamedImage,
): Promise<readonly Descriptor[]> {
  const seen = new Set<Digest>();
  const isThere = async ({ digest, size }: Descriptor) => (await images.size(digest)) === size;

  async function find(root: Descriptor, depth: number): Promise<readonly Descriptor[]> {
    const { mediaType, digest, size, platform } = root;
    const isOther = platform?.os === 'unknown' || !isLoadable(root);
    if (seen.has(digest) || depth > maxIndexDepth || isOther || !(await isThere(root))) return [];
    seen.add(digest);
    const { manifests, blobs } = await parseLinks(await readStored(transfer, root));
    const whole: Descriptor[] = [];
    for (const manifest of manifests) whole.push(...(await find(manifest, depth + 1)));
    if (manifests.length > 0) return whole;
    for (const blob of blobs) {
      if (!(await isThere(blob))) return [];
    }
    return [{ mediaType, digest, size }];
  }

  const found = await find(image, 0);
  if (found.length > 0) return found;
  throw new ConvertError(
    'IMAGE_NOT_FOUND',
    `loading ${names[0] ?? image.digest} from ${images.where}: found no platform with all its blobs, wanted one`,
  );
}
