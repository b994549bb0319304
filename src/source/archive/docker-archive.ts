import { createValidator } from '../../../schemas/index.ts';
import { type Descriptor, type Digest, digestOf, type FileEntry } from '../../../store/index.ts';
import { ConvertError } from '../../error.ts';
import { parseImageConfig } from '../../oci/config.ts';
import { documentCap } from '../../oci/json.ts';
import { fullNameOf } from '../../oci/location.ts';
import { ociManifestType } from '../../oci/media-type.ts';
import type { Images, NamedImage } from '../layout/images.ts';
import { mergeNames } from '../layout/index-json.ts';
import { invalidArchive, type TarFile } from './tar-file.ts';

/** One image of manifest.json; `docker save` names all its files there (Docker image-spec v1.2). */
interface Item {
  readonly Config: string;
  readonly RepoTags?: readonly string[] | null;
  readonly Layers: readonly string[] | null;
}

/** The bytes of a manifest made here, or a file of the archive. */
type Blob = Uint8Array | FileEntry;

const configType = 'application/vnd.oci.image.config.v1+json';
const layerType = 'application/vnd.oci.image.layer.v1.tar';

/**
 * The images of a docker-archive; undefined when the tar holds none. Such an archive has no OCI
 * manifests: one is made for each image, of the digests its files have as they are stored, so that
 * the same archive always gives the same manifest.
 * @throws ConvertError `ARCHIVE_INVALID`, `CONFIG_INVALID`.
 */
export async function dockerImagesOf(tar: TarFile, path: string): Promise<Images | undefined> {
  const where = `the archive ${path}`;
  const listing = tar.names.find('manifest.json');
  if (listing === undefined) return undefined;
  const blobs = new Map<Digest, Blob>();
  const images: NamedImage[] = [];
  for (const item of await readItems(await tar.read(listing, documentCap), where)) {
    const { descriptor, parts } = await manifestOf(item, tar, where);
    for (const [digest, blob] of parts) blobs.set(digest, blob);
    images.push({ names: (item.RepoTags ?? []).map((tag) => fullNameOf(tag) ?? tag), descriptor });
  }
  return {
    where,
    location: `docker-archive:${path}`,
    list: mergeNames(images),
    referrers: [],
    async *fetch({ digest }, options = {}) {
      const blob = blobs.get(digest);
      if (blob === undefined) {
        const action = `reading ${digest} of ${where}`;
        throw new ConvertError(
          'IMAGE_NOT_FOUND',
          `${action}: found no such blob, wanted its bytes`,
        );
      }
      if (blob instanceof Uint8Array) yield blob.subarray(options.offset ?? 0);
      else yield* tar.stream(blob, options);
    },
    async size(digest) {
      const blob = blobs.get(digest);
      return blob instanceof Uint8Array ? blob.length : blob?.size;
    },
    close: () => tar.close(),
  };
}

/**
 * What the images of manifest.json consist of: each config, then its layers from the bottom up. Left
 * out are images of which the archive lacks something: docker lists its own platform's even then.
 * @throws ConvertError `ARCHIVE_INVALID`.
 */
export async function listedParts(
  tar: TarFile,
  path: string,
): Promise<readonly (readonly Digest[])[]> {
  const listing = tar.names.find('manifest.json');
  if (listing === undefined) return [];
  const items = await readItems(await tar.read(listing, documentCap), `the archive ${path}`);
  return items.flatMap(({ Config, Layers }) => {
    const names = [Config, ...(Layers ?? [])];
    const files = names.flatMap((name) => tar.names.find(name) ?? []);
    return files.length < names.length ? [] : [files.map(({ digest }) => digest)];
  });
}

async function readItems(bytes: Uint8Array, where: string): Promise<readonly Item[]> {
  const action = `reading manifest.json of ${where}`;
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (cause) {
    throw new ConvertError('ARCHIVE_INVALID', `${action}: found no JSON, wanted an array`, {
      cause,
    });
  }
  const problem = (await createValidator('docker-archive'))(value);
  if (problem !== undefined) throw new ConvertError('ARCHIVE_INVALID', `${action}: ${problem}`);
  return value as readonly Item[];
}

async function manifestOf(item: Item, tar: TarFile, where: string) {
  const parts = new Map<Digest, Blob>();
  const config = fileOf(tar, item.Config, where);
  await requireDiffIDs(await tar.read(config, documentCap), item, where);
  const layers: Descriptor[] = [];
  for (const name of item.Layers ?? []) {
    const file = fileOf(tar, name, where);
    const compression = await tar.compression(file);
    const mediaType = compression === undefined ? layerType : `${layerType}+${compression}`;
    layers.push({ mediaType, digest: file.digest, size: file.size });
    parts.set(file.digest, file);
  }
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: ociManifestType,
      config: { mediaType: configType, digest: config.digest, size: config.size },
      layers,
    }),
  );
  const digest = digestOf(bytes);
  parts.set(config.digest, config).set(digest, bytes);
  return { descriptor: { mediaType: ociManifestType, digest, size: bytes.length }, parts };
}

/** The config is what ties the layers to their order: as many of them, or it is of another image. */
async function requireDiffIDs(bytes: Uint8Array, { Layers }: Item, where: string): Promise<void> {
  const wanted = (await parseImageConfig(bytes)).rootfs.diff_ids.length;
  const found = Layers?.length ?? 0;
  if (found !== wanted) {
    const action = `reading manifest.json of ${where}`;
    throw invalidArchive(action, `${found} layers`, `${wanted}, as the config says`);
  }
}

function fileOf(tar: TarFile, name: string, where: string): FileEntry {
  const file = tar.names.find(name);
  if (file !== undefined) return file;
  const found = `no file ${JSON.stringify(name.slice(0, 160))}`;
  throw invalidArchive(`reading ${where}`, found, 'what its manifest.json names');
}
