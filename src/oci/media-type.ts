export const ociManifestType = 'application/vnd.oci.image.manifest.v1+json';
export const ociIndexType = 'application/vnd.oci.image.index.v1+json';

/** Manifests of one image (OCI image-spec, manifest.md; Docker image manifest version 2, schema 2). */
export const manifestTypes: readonly string[] = [
  ociManifestType,
  'application/vnd.docker.distribution.manifest.v2+json',
];

/** Lists of manifests (OCI image-spec, image-index.md; Docker manifest list). */
export const indexTypes: readonly string[] = [
  ociIndexType,
  'application/vnd.docker.distribution.manifest.list.v2+json',
];

export const configTypes: readonly string[] = [
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
];

/**
 * Layers that whoever owns them does not want to be pushed on (OCI image-spec 1.0, layer.md
 * "Non-Distributable Layers"; Docker's "foreign" layers): their descriptors have `urls`.
 */
const foreignLayerTypes: readonly string[] = [
  'application/vnd.oci.image.layer.nondistributable.v1.tar',
  'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
  'application/vnd.oci.image.layer.nondistributable.v1.tar+zstd',
  'application/vnd.docker.image.rootfs.foreign.diff.tar',
  'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
];

/** Tars and compressed tars. Which compression it is, the bytes say, not the media type. */
export const layerTypes: readonly string[] = [
  'application/vnd.oci.image.layer.v1.tar',
  'application/vnd.oci.image.layer.v1.tar+gzip',
  'application/vnd.oci.image.layer.v1.tar+zstd',
  'application/vnd.docker.image.rootfs.diff.tar',
  'application/vnd.docker.image.rootfs.diff.tar.gzip',
  'application/vnd.docker.image.rootfs.diff.tar.zstd',
  ...foreignLayerTypes,
];

/** Docker's manifests before content addressing: their layers have no DiffIDs to check. */
export const schema1Types: readonly string[] = [
  'application/vnd.docker.distribution.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v1+prettyjws',
];

/** True for what a registry serves under `/manifests/` rather than `/blobs/`. */
export function isDocumentType(mediaType: string): boolean {
  return manifestTypes.includes(mediaType) || indexTypes.includes(mediaType);
}
