import { createValidator } from '../../schemas/index.ts';
import type { Descriptor } from '../../store/index.ts';
import { ConvertError } from '../error.ts';
import { decodeJson, type JsonObject } from './json.ts';
import { configTypes, layerTypes } from './media-type.ts';

/** OCI image-spec, manifest.md: an image of one platform, its layers from the bottom up. */
export interface Manifest {
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly annotations: Readonly<Record<string, string>>;
}

/** What the schema promises of a valid manifest. */
interface WireManifest {
  readonly artifactType?: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly annotations?: Readonly<Record<string, string>> | null;
}

/**
 * Reads an image manifest, OCI or Docker schema 2.
 * @throws ConvertError `MANIFEST_INVALID`; `IMAGE_UNSUPPORTED` for an artifact that is no image and
 * for layers that cannot be read.
 */
export async function parseManifest(bytes: Uint8Array): Promise<Manifest> {
  return await manifestOf(decodeJson(bytes, 'the manifest', 'MANIFEST_INVALID'));
}

export async function manifestOf(json: JsonObject): Promise<Manifest> {
  const validate = await createValidator('manifest');
  const problem = validate(json);
  if (problem !== undefined) {
    throw new ConvertError('MANIFEST_INVALID', `reading the manifest: ${problem}`);
  }
  const wire = json as unknown as WireManifest;
  refuseArtifact(wire);
  wire.layers.forEach(refuseUnreadableLayer);
  return { config: wire.config, layers: wire.layers, annotations: wire.annotations ?? {} };
}

function refuseArtifact({ artifactType, config }: WireManifest): void {
  if (!configTypes.includes(config.mediaType)) {
    const found = artifactType ?? config.mediaType;
    throw new ConvertError(
      'IMAGE_UNSUPPORTED',
      `reading the manifest: found an artifact of type ${JSON.stringify(found.slice(0, 120))}, wanted a container image`,
    );
  }
}

function refuseUnreadableLayer({ mediaType }: Descriptor, at: number): void {
  if (layerTypes.includes(mediaType)) {
    return;
  }
  const found = `reading the manifest: at /layers/${at}/mediaType: found ${JSON.stringify(mediaType)}`;
  if (mediaType.endsWith('+encrypted')) {
    throw new ConvertError('IMAGE_UNSUPPORTED', `${found}, wanted a layer that is not encrypted`, {
      hint: 'skopeo copy --decryption-key KEY docker://IMAGE oci:DIR',
    });
  }
  throw new ConvertError('IMAGE_UNSUPPORTED', `${found}, wanted a tar, plain, gzip or zstd`);
}
