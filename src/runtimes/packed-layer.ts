import { type DiffID, parseDiffID, type Store } from '../../store/index.ts';
import type { PackPlan } from '../dotnet/pack.ts';
import { packTar } from '../dotnet/pack-tar.ts';
import type { OnEvent } from '../event.ts';
import { ociManifestType } from '../oci/media-type.ts';

const packedArtifact = 'application/vnd.osv-convert.runtime.v1';
const layerAnnotation = 'osv-convert.runtime.layer';

/** The empty descriptor of OCI image-spec, manifest.md, "Guidance for an Empty Descriptor". */
const empty = Buffer.from('{}');

export interface PackOptions {
  readonly onEvent?: OnEvent;
  readonly signal?: AbortSignal;
}

/**
 * The layer of a plan, packed now or by an earlier build. It is in the store as an artifact named
 * `runtime/KEY`, so that it is kept and copied like an image.
 * @throws ConvertError `RUNTIME_NOT_FOUND` when the host's files change meanwhile; StoreError.
 */
export async function packOnce(
  store: Store,
  plan: PackPlan,
  { onEvent, signal }: PackOptions,
): Promise<DiffID> {
  const options = signal === undefined ? {} : { signal };
  const name = `runtime/${plan.key}`;
  const ref = await store.refs.get(name);
  const text = ref?.annotations?.[layerAnnotation];
  if (ref !== undefined && text !== undefined) {
    const known = parseDiffID(text);
    await store.hold([ref.digest, known]);
    if (await store.layers.has(known)) return known;
    // From another store it came as a blob.
    if ((await store.blobs.size(known)) !== undefined) {
      await store.layers.ingest(known, known, options);
      return known;
    }
  }
  onEvent?.({
    event: 'stage',
    text: `packing the host's .NET files (${plan.entries.length} names)`,
  });
  const { diffID, size } = await store.layers.write(packTar(plan, options), options);
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: ociManifestType,
      artifactType: packedArtifact,
      config: {
        mediaType: 'application/vnd.oci.empty.v1+json',
        digest: await store.blobs.put(empty),
        size: empty.length,
      },
      layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: diffID, size }],
    }),
  );
  await store.refs.set(name, {
    mediaType: ociManifestType,
    artifactType: packedArtifact,
    digest: await store.blobs.put(manifest),
    size: manifest.length,
    annotations: { [layerAnnotation]: diffID },
  });
  return diffID;
}
