import { createValidator } from '../../schemas/index.ts';
import type { Descriptor } from '../../store/index.ts';
import { ConvertError } from '../error.ts';
import { decodeJson } from './json.ts';

/**
 * What a document leads to, be it of an image or of any other artifact: all that has to be copied
 * with it.
 */
export interface Links {
  /** Of an index. */
  readonly manifests: readonly Descriptor[];
  /** Config and layers of a manifest, each once. */
  readonly blobs: readonly Descriptor[];
  /** What the document refers to (OCI image-spec 1.1, manifest.md, `subject`). */
  readonly subject?: Descriptor;
  /** What kind of thing it is: `artifactType`, else the media type of the config. */
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

interface Wire extends Omit<Links, 'blobs' | 'annotations'> {
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly annotations?: Readonly<Record<string, string>> | null;
}

/**
 * Reads an index or a manifest, OCI or Docker schema 2.
 * @throws ConvertError `MANIFEST_INVALID`.
 */
export async function parseLinks(bytes: Uint8Array): Promise<Links> {
  const json = decodeJson(bytes, 'the manifest', 'MANIFEST_INVALID');
  const isIndex = 'manifests' in json;
  await check(isIndex ? 'image-index' : 'manifest', json);
  if (json['subject'] !== undefined) {
    await check('descriptor', json['subject']);
  }
  const { manifests, config, layers, subject, artifactType, annotations } = json as unknown as Wire;
  const blobs = isIndex ? [] : [config, ...layers];
  const type = artifactType ?? (isIndex ? undefined : config.mediaType);
  return {
    manifests: isIndex ? manifests : [],
    blobs: [...new Map(blobs.map((blob) => [blob.digest, blob])).values()],
    ...(subject !== undefined && { subject }),
    ...(type !== undefined && { artifactType: type }),
    ...(annotations && { annotations }),
  };
}

/** What has a `subject`, as lists of referrers have it (distribution-spec, "Listing Referrers"). */
export function referrerOf(
  { mediaType, digest, size }: Descriptor,
  { artifactType, annotations }: Links,
): Descriptor {
  return {
    mediaType,
    digest,
    size,
    ...(artifactType !== undefined && { artifactType }),
    ...(annotations !== undefined && { annotations }),
  };
}

async function check(schema: string, value: unknown): Promise<void> {
  const validate = await createValidator(schema);
  const problem = validate(value);
  if (problem !== undefined) {
    throw new ConvertError('MANIFEST_INVALID', `reading the manifest: ${problem}`);
  }
}
