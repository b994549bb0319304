import { join } from 'node:path';
import type { Store } from '../../store/index.ts';
import type { LocalLocation, Location } from '../oci/location.ts';
import type { Choice, Images } from './layout/images.ts';
import type { RegistryOptions } from './registry/registry.ts';
import type { Source, SourceCallOptions } from './source.ts';
import { withUrls } from './urls.ts';

export interface OpenSourceOptions extends SourceCallOptions {
  /** Where `store:` looks, and beside which compressed archives are inflated. */
  readonly store: Store;
  /** How a registry is reached. */
  readonly registry?: RegistryOptions;
  /** True: what an image has at URLs only is not fetched. */
  readonly offline?: boolean;
}

/** A source that holds files open until it is closed. */
export interface OpenedSource extends Source {
  close(): Promise<void>;
}

/**
 * The image at `location`, whatever kind of place that is. No network code is loaded for those on
 * this machine, and nothing of a registry is asked before the first call.
 * @throws ConvertError `IMAGE_NOT_FOUND`, `ARCHIVE_INVALID`, `MANIFEST_INVALID`, `CONFIG_INVALID`.
 */
export async function openSource(
  location: Location,
  options: OpenSourceOptions,
): Promise<OpenedSource> {
  if (location.transport === 'registry') {
    const { createRegistrySource } = await import('./registry/registry.ts');
    const source = createRegistrySource(location.reference, options.registry);
    return { ...withUrls(source, options), close: async () => undefined };
  }
  const { createImagesSource } = await import('./layout/source.ts');
  const images = await openImages(location, options);
  const source = createImagesSource(images, choiceOf(location));
  return { ...withUrls(source, options), close: images.close };
}

/** All images at a location on this machine, whichever of them it names. */
export async function openImages(
  location: LocalLocation,
  options: OpenSourceOptions,
): Promise<Images> {
  switch (location.transport) {
    case 'oci':
      return await (await import('./layout/folder.ts')).openLayout(location.path);
    case 'store':
      return await (await import('./store.ts')).openStoreImages(options.store);
    default: {
      const { openArchive } = await import('./archive/open.ts');
      const { store, signal } = options;
      return await openArchive(location.path, {
        scratch: join(store.path, 'ingest'),
        limits: store.limits,
        ...(signal && { signal }),
      });
    }
  }
}

function choiceOf(location: LocalLocation): Choice {
  if (location.transport === 'store') return { tag: location.name };
  const { tag, digest } = location;
  return { ...(tag !== undefined && { tag }), ...(digest !== undefined && { digest }) };
}
