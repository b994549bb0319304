import type { Descriptor, Digest } from '../../../store/index.ts';
import { imageIndexOf } from '../../oci/image-index.ts';
import { decodeJson } from '../../oci/json.ts';
import type { Images, NamedImage } from './images.ts';

/** Annotations of index.json that name an image, the fullest name first. */
const nameKeys = ['io.containerd.image.name', 'org.opencontainers.image.ref.name'];

/** Annotation of what is listed only because it refers to an image, as containerd exports it. */
export const subjectKey = 'io.containerd.manifest.subject';

/**
 * What the index.json of a layout lists (OCI image-spec, image-layout.md). Docker 25.0 says null where
 * there is nothing.
 * @throws ConvertError `MANIFEST_INVALID`.
 */
export async function readIndexJson(
  bytes: Uint8Array,
): Promise<Pick<Images, 'list' | 'referrers'>> {
  const json = decodeJson(bytes, 'index.json', 'MANIFEST_INVALID');
  const listed = json['manifests'] === null ? [] : json['manifests'];
  const { manifests } = await imageIndexOf({
    ...json,
    ...(Array.isArray(listed) && { manifests: listed.map(withoutEmptyPlatform) }),
  });
  const refers = ({ annotations = {} }: Descriptor): boolean => subjectKey in annotations;
  const images = manifests.filter((entry) => !refers(entry));
  return {
    list: mergeNames(images.map((descriptor) => ({ names: namesOf(descriptor), descriptor }))),
    referrers: manifests.filter(refers),
  };
}

/** The .NET SDK (10.0) writes `"platform":{}`, which says nothing, in the archives it publishes. */
function withoutEmptyPlatform(entry: unknown): unknown {
  if (!(entry instanceof Object) || !('platform' in entry)) return entry;
  const { platform, ...rest } = entry;
  return platform instanceof Object && Object.keys(platform).length === 0 ? rest : entry;
}

/** An image listed under several names becomes one with all of them. */
export function mergeNames(list: readonly NamedImage[]): readonly NamedImage[] {
  const merged = new Map<Digest, NamedImage>();
  for (const { names, descriptor } of list) {
    const before = merged.get(descriptor.digest);
    merged.set(descriptor.digest, {
      descriptor: before?.descriptor ?? descriptor,
      names: [...new Set([...(before?.names ?? []), ...names])],
    });
  }
  return [...merged.values()];
}

function namesOf({ annotations = {} }: Descriptor): string[] {
  return nameKeys.flatMap((key) => annotations[key] || []);
}
