import { stat } from 'node:fs/promises';
import type { Descriptor, Digest, Store } from '../../store/index.ts';
import { isKeptRuntime, parseKeptRuntime } from '../dotnet/kept-manifest.ts';
import type { OnEvent } from '../event.ts';
import { parseLinks } from '../oci/links.ts';
import type { LocalLocation } from '../oci/location.ts';
import { formatPlatform, normalizePlatform } from '../oci/platform.ts';
import { fetchLayers } from '../pull/fetch-layers.ts';
import { loadImage } from '../pull/image.ts';
import { readStored, type Transfer } from '../pull/resolve-image.ts';
import { shellWord } from '../shell-word.ts';
import { createImagesSource } from '../source/layout/source.ts';
import { openImages } from '../source/open.ts';
import { wantedImages, wholeManifests } from './file-images.ts';
import { findReferrers } from './file-referrers.ts';
import { loadReferrers, nameReferrers } from './load-referrers.ts';
import { type LoadedManifest, nameManifest, namesOf } from './loaded-names.ts';

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
  /** What came with it: what refers to it, or to the index that lists it; absent where nothing does. */
  readonly referrers?: readonly Descriptor[];
}

/**
 * Brings the images of a layout or an archive into the store under the names they have there, each
 * for all platforms that are whole in the file, with what refers to them there. Names are set when all
 * of an image is in the store.
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
    const referring = await findReferrers(images, signal ? { signal } : {});
    const list = images.list.filter((image) => !referring.includes(image));
    const naming = (one: string): string => `osv-convert load ${shellWord(path)} ${shellWord(one)}`;
    const loaded: Loaded[] = [];
    for (const image of await wantedImages({ ...images, list, naming }, name)) {
      const manifests = await wholeManifests(images, transfer, image);
      const parts: LoadedManifest[] = [];
      for (const manifest of manifests) parts.push(await loadManifest(transfer, manifest, path));
      const subjects = [image.descriptor, ...manifests].map(({ digest }) => digest);
      const referrers = await loadReferrers(transfer, referring, new Set(subjects));
      const names = namesOf(image, list, path);
      await nameReferrers(store, names, referrers);
      for (const part of parts) {
        const { digest } = part.descriptor;
        const own = new Set([image.descriptor.digest, digest]);
        const came = [...own].flatMap((subject) => referrers.get(subject) ?? []);
        for (const reference of await nameManifest(store, part, names, image.names)) {
          const platform = formatPlatform(part.platform);
          loaded.push({ reference, digest, platform, ...(came.length > 0 && { referrers: came }) });
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

async function loadManifest(
  transfer: Transfer,
  descriptor: Descriptor,
  path: string,
): Promise<LoadedManifest> {
  const { blobs } = await parseLinks(await readStored(transfer, descriptor));
  const [config] = blobs;
  if (config !== undefined) await readStored(transfer, config);
  const image = await loadImage(transfer.store, path, descriptor);
  await fetchLayers(transfer, image.layers);
  const isRuntime = isKeptRuntime(image.manifest);
  if (isRuntime) parseKeptRuntime(path, image.manifest);
  return { descriptor, platform: normalizePlatform(image.config), isRuntime };
}
