import { stat } from 'node:fs/promises';
import type { Descriptor, Digest, Store } from '../../store/index.ts';
import { architectureOfPlatform } from '../dotnet/architecture.ts';
import { isKeptRuntime, parseKeptRuntime } from '../dotnet/kept-manifest.ts';
import { keptArtifactType, keptDescriptor, keptRuntimeOfRef } from '../dotnet/kept-refs.ts';
import { ConvertError } from '../error.ts';
import type { OnEvent } from '../event.ts';
import { parseLinks } from '../oci/links.ts';
import { fullNameOf, type LocalLocation, nameOfFile } from '../oci/location.ts';
import { formatPlatform, normalizePlatform } from '../oci/platform.ts';
import { fetchLayers } from '../pull/fetch-layers.ts';
import { loadImage } from '../pull/image.ts';
import { readStored, type Transfer } from '../pull/resolve-image.ts';
import { chooseImage } from '../source/layout/choose.ts';
import type { Images, NamedImage } from '../source/layout/images.ts';
import { createImagesSource } from '../source/layout/source.ts';
import { openImages } from '../source/open.ts';

export interface LoadOptions {
  /** Only the image of this name in the file; all of them when absent. */
  readonly name?: string;
  readonly onEvent?: OnEvent;
  readonly signal?: AbortSignal;
}

export interface Loaded {
  /** As it is named in the store now. */
  readonly reference: string;
  readonly digest: Digest;
  readonly platform: string;
}

/** Indexes that lead to indexes are followed this deep. */
const maxIndexDepth = 4;

/**
 * Brings the images of a layout or an archive into the store under the names they have there, each
 * for all platforms that are whole in the file.
 * @throws ConvertError `IMAGE_NOT_FOUND`, `MANIFEST_INVALID` for what is no kept runtime though it says so,
 * the codes of sources and documents; StoreError.
 */
export async function load(
  store: Store,
  path: string,
  options: LoadOptions = {},
): Promise<readonly Loaded[]> {
  const { name, onEvent, signal } = options;
  const images = await openImages(await locationOf(path), { ...options, store });
  try {
    const source = createImagesSource(images, {});
    const transfer = { store, source, ...(onEvent && { onEvent }), ...(signal && { signal }) };
    const loaded: Loaded[] = [];
    for (const image of await wantedImages(images, name)) {
      const find = createFinder(images, transfer);
      const manifests = await find(image.descriptor);
      if (manifests.length === 0) throw nothingWhole(images, image);
      for (const manifest of manifests) {
        const { digest, platform, isRuntime } = await loadOne(transfer, manifest, path);
        const [name = ''] = image.names;
        const runtime = isRuntime ? keptRuntimeOfRef(name) : undefined;
        const references = runtime === undefined ? namesOf(image, images.list, path) : [runtime];
        for (const reference of references) {
          const named =
            runtime === undefined
              ? { ...manifest, platform }
              : keptDescriptor(manifest, architectureOfPlatform(formatPlatform(platform)));
          await store.refs.set(reference, named);
          loaded.push({ reference, digest, platform: formatPlatform(platform) });
        }
      }
    }
    return loaded;
  } finally {
    await images.close();
  }
}

async function locationOf(path: string): Promise<LocalLocation> {
  const found = await stat(path).catch(() => undefined);
  return found?.isDirectory() ? { transport: 'oci', path } : { transport: 'docker-archive', path };
}

/** Of artifacts only kept runtimes, which are images. */
function isLoadable({ artifactType }: Descriptor): boolean {
  return artifactType === undefined || artifactType === keptArtifactType;
}

async function wantedImages(
  images: Images,
  name: string | undefined,
): Promise<readonly NamedImage[]> {
  if (name === undefined) {
    const all = images.list.filter(({ descriptor }) => isLoadable(descriptor));
    if (all.length > 0) return all;
  }
  const chosen = await chooseImage(images, name === undefined ? {} : { tag: name });
  return images.list.filter(({ descriptor }) => chosen.includes(descriptor));
}

/**
 * Finds the manifests behind a descriptor whose parts are all there: docker saves one platform of
 * many. None is visited twice, for indexes that list each other's entries often would take for ever.
 */
function createFinder(images: Images, transfer: Transfer) {
  const seen = new Set<Digest>();
  const isThere = async ({ digest, size }: Descriptor) => (await images.size(digest)) === size;

  return async function find(root: Descriptor, depth = 0): Promise<readonly Descriptor[]> {
    const { mediaType, digest, size, platform } = root;
    const isOther = platform?.os === 'unknown' || !isLoadable(root);
    if (seen.has(digest) || depth > maxIndexDepth || isOther || !(await isThere(root))) return [];
    seen.add(digest);
    const { manifests, blobs } = await parseLinks(await readStored(transfer, root));
    const whole: Descriptor[] = [];
    for (const manifest of manifests) whole.push(...(await find(manifest, depth + 1)));
    if (manifests.length > 0) return whole;
    for (const blob of blobs) {
      if (!(await isThere(blob))) return [];
    }
    return [{ mediaType, digest, size }];
  };
}

async function loadOne(transfer: Transfer, descriptor: Descriptor, path: string) {
  const { blobs } = await parseLinks(await readStored(transfer, descriptor));
  const [config] = blobs;
  if (config !== undefined) await readStored(transfer, config);
  const image = await loadImage(transfer.store, path, descriptor);
  await fetchLayers(transfer, image.layers);
  const isRuntime = isKeptRuntime(image.manifest);
  if (isRuntime) parseKeptRuntime(path, image.manifest);
  return { digest: descriptor.digest, platform: normalizePlatform(image.config), isRuntime };
}

/** Full names where there are any; a mere tag says only which image of the file it is. */
function namesOf(
  { names, descriptor }: NamedImage,
  list: readonly NamedImage[],
  path: string,
): readonly string[] {
  const full = names.flatMap((name) => fullNameOf(name) ?? []);
  if (full.length > 0) return [...new Set(full)];
  if (names.length > 0) return names.map((name) => nameOfFile(path, name));
  const isOnly = list.filter((image) => image.names.length === 0).length === 1;
  return [nameOfFile(path, undefined, isOnly ? undefined : descriptor.digest)];
}

function nothingWhole(images: Images, { names, descriptor }: NamedImage): ConvertError {
  return new ConvertError(
    'IMAGE_NOT_FOUND',
    `loading ${names[0] ?? descriptor.digest} from ${images.where}: found no platform with all its blobs, wanted one`,
  );
}
