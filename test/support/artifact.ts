import type { Descriptor } from '../../store/index.ts';
import { descriptorOf, jsonBytes, mediaTypes } from './descriptor.ts';
import type { Image } from './image.ts';

export interface ArtifactRecipe {
  readonly artifactType: string;
  /** Its one blob. */
  readonly content: string;
  /** What it refers to. */
  readonly subject?: Descriptor;
  /** As an index shows it. */
  readonly platform?: Descriptor['platform'];
}

/** What is no image but kept as one: a signature, an SBOM, an attestation (OCI image-spec, manifest.md). */
export function buildArtifact({ artifactType, content, subject, platform }: ArtifactRecipe): Image {
  const [empty, blob] = [Buffer.from('{}'), Buffer.from(content)];
  const config = descriptorOf('application/vnd.oci.empty.v1+json', empty);
  const layer = descriptorOf('text/plain', blob);
  const mediaType = mediaTypes.oci.manifest;
  const manifest = jsonBytes({
    schemaVersion: 2,
    ...{ mediaType, artifactType, config },
    layers: [layer],
    ...(subject && { subject: bare(subject) }),
  });
  const root = descriptorOf(mediaType, manifest);
  return {
    root: platform === undefined ? { ...root, artifactType } : { ...root, platform },
    blobs: new Map([
      [config.digest, empty] as const,
      [layer.digest, blob] as const,
      [root.digest, manifest] as const,
    ]),
  };
}

function bare({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size };
}
