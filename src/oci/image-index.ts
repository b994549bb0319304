import { createValidator } from '../../schemas/index.ts';
import type { Descriptor } from '../../store/index.ts';
import { ConvertError } from '../error.ts';
import { decodeJson, type JsonObject } from './json.ts';

/** OCI image-spec, image-index.md: the images behind one name, one for each platform. */
export interface ImageIndex {
  readonly manifests: readonly Descriptor[];
}

/** Indexes that lead to indexes are followed this deep. */
export const maxIndexDepth = 4;

/**
 * Reads an OCI image index or a Docker manifest list.
 * @throws ConvertError `MANIFEST_INVALID`.
 */
export async function parseImageIndex(bytes: Uint8Array): Promise<ImageIndex> {
  return await imageIndexOf(decodeJson(bytes, 'the image index', 'MANIFEST_INVALID'));
}

export async function imageIndexOf(json: JsonObject): Promise<ImageIndex> {
  const validate = await createValidator('image-index');
  const problem = validate(json);
  if (problem !== undefined) {
    throw new ConvertError('MANIFEST_INVALID', `reading the image index: ${problem}`);
  }
  return { manifests: (json as unknown as ImageIndex).manifests };
}
