import type { Descriptor, Digest } from '../../../store/index.ts';
import { ConvertError } from '../../error.ts';
import { sniffMediaType } from '../../oci/document.ts';
import { fullNameOf } from '../../oci/location.ts';
import { indexTypes } from '../../oci/media-type.ts';
import { formatPlatform } from '../../oci/platform.ts';
import { isReferrersTag } from '../../oci/referrers-tag.ts';
import { shellWord } from '../../shell-word.ts';
import { readDocument } from '../document.ts';
import type { Choice, Images, NamedImage } from './images.ts';

/**
 * The image that is meant: the one of the digest or of the name, and where neither is said the only
 * one. Several descriptors are one image on several platforms.
 * @throws ConvertError `IMAGE_NOT_FOUND`; `REFERENCE_INVALID` when there are several. Both list the
 * names there are.
 */
export async function chooseImage(
  images: Images,
  { tag, digest }: Choice,
): Promise<readonly Descriptor[]> {
  if (digest !== undefined) return [await imageOf(images, digest)];
  const { list } = images;
  const named = tag === undefined ? list.filter(isImage) : imagesNamed(list, tag);
  if (named.length === 0) throw notFound(images, tag);
  if (!isOneImage(named)) throw several(images, named);
  return named.map(({ descriptor }) => descriptor);
}

/** Kernels, signatures, lists of these and other artifacts are no images to choose from. */
function isImage(image: NamedImage): boolean {
  return image.descriptor.artifactType === undefined && !isReferrersList(image);
}

/** Whether it is the index under the tag of the tag schema, as a registry would have it. */
export function isReferrersList({ names, descriptor }: NamedImage): boolean {
  return indexTypes.includes(descriptor.mediaType) && names.some(isReferrersTag);
}

/** What has one name may be there once for each platform; twice for one, it is two images. */
function isOneImage(list: readonly NamedImage[]): boolean {
  const platforms = list.flatMap(({ descriptor: { platform } }) =>
    platform === undefined ? [] : [formatPlatform(platform)],
  );
  return list.length === 1 || (hasOneName(list) && new Set(platforms).size === list.length);
}

function hasOneName(list: readonly NamedImage[]): boolean {
  return new Set(list.map(({ names }) => names[0])).size === 1;
}

/** A digest may also be that of a manifest inside an index, which is not listed. */
async function imageOf(images: Images, digest: Digest): Promise<Descriptor> {
  const listed = images.list.find(({ descriptor }) => descriptor.digest === digest);
  if (listed !== undefined) return listed.descriptor;
  const size = await images.size(digest);
  if (size === undefined) throw notFound(images, digest);
  const blob = { mediaType: 'application/octet-stream', digest, size };
  const mediaType = sniffMediaType(await readDocument(images, blob));
  if (mediaType === undefined) throw notFound(images, digest);
  return { ...blob, mediaType };
}

function imagesNamed(list: readonly NamedImage[], tag: string): readonly NamedImage[] {
  const exact = list.filter(({ names }) => names.includes(tag));
  if (exact.length > 0) return exact;
  const full = fullNameOf(tag) ?? fullNameOf(`${tag}:latest`);
  if (full === undefined) return [];
  return list.filter(({ names }) => names.some((name) => fullNameOf(name) === full));
}

function notFound(images: Images, wanted: string | undefined): ConvertError {
  const { where } = images;
  const list = images.list.filter(isImage);
  const [name] = list.flatMap(({ names }) => names);
  const hint = name === undefined ? undefined : namingOf(images, name);
  return new ConvertError(
    'IMAGE_NOT_FOUND',
    `choosing an image in ${where}: found ${namesOf(list)}, wanted ${wanted === undefined ? 'an image' : shown(wanted)}`,
    hint === undefined ? {} : { hint },
  );
}

function several(images: Images, list: readonly NamedImage[]): ConvertError {
  const { where, location } = images;
  const [first] = list;
  const name = first?.names[0];
  return new ConvertError(
    'REFERENCE_INVALID',
    `choosing an image in ${where}: found ${list.length}: ${namesOf(list)}, wanted the name or the digest of one of them`,
    {
      hint:
        name === undefined || hasOneName(list)
          ? `name one: ${shellWord(`${location}@${first?.descriptor.digest}`)}`
          : namingOf(images, name),
    },
  );
}

function namingOf({ location, naming }: Images, name: string): string {
  return naming?.(name) ?? `name one: ${shellWord(`${location}:${name}`)}`;
}

function namesOf(list: readonly NamedImage[]): string {
  const all = list.map(({ names, descriptor }) => names[0] ?? descriptor.digest);
  const names = [...new Set(all)].map(shown);
  return `${names.slice(0, 20).join(', ') || 'no image'}${names.length > 20 ? ', …' : ''}`;
}

function shown(name: string): string {
  return name.replace(/[^\x21-\x7e]/g, '?').slice(0, 200);
}
