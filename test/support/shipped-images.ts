import { createHash } from 'node:crypto';
import { buildArtifact } from './artifact.ts';
import { type BuiltImage, buildImage, buildIndex } from './image.ts';
import { file } from './layers.ts';

/** Bytes that nothing makes fewer, and that are the same in each run. */
export function noise(size: number): Buffer {
  return createHash('shake256', { outputLength: size }).digest();
}

/** Two layers, the lower of which all these images share. */
export function imageOf(architecture: string, version = 'first'): BuiltImage {
  return buildImage({
    layers: [
      [file('base', noise(300_000))],
      [file('app', `${version} for ${architecture}`), file('more', noise(60_000))],
    ],
    config: { Entrypoint: ['/app'] },
    architecture,
  });
}

/** Bytes of the layers as they are sent. */
export function layersOf({ layers }: BuiltImage): number {
  return layers.reduce((total, { descriptor }) => total + descriptor.size, 0);
}

const [amd64, arm64] = [imageOf('amd64'), imageOf('arm64')];

/** As buildkit adds one to each image it builds. */
const attestation = buildArtifact({
  artifactType: 'application/vnd.docker.attestation.manifest.v1+json',
  content: '{"_type":"https://in-toto.io/Statement/v0.1"}',
  platform: { os: 'unknown', architecture: 'unknown' },
});

/** Two platforms and the attestation of one. */
export const multi = buildIndex([amd64, attestation, arm64]);

/** What a tag of `multi` means later. */
export const successor = buildIndex([imageOf('amd64', 'successor'), arm64]);

/** The two platforms in indexes of their own. */
export const nested = buildIndex([attestation, buildIndex([amd64]), buildIndex([arm64])]);
