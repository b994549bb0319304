import type { Digest } from '../../store/index.ts';
import { ConvertError } from '../error.ts';
import {
  formatPlatform,
  hintFor,
  normalizePlatform,
  type Platform,
  platformMatches,
} from '../oci/platform.ts';
import type { Resolved } from '../source/source.ts';
import { fetchLayers, type LayerTransfer } from './fetch-layers.ts';
import { loadImage, type StoredImage } from './image.ts';
import { type LockFile, requireLocked } from './lock-file.ts';
import type { Sought } from './look-in-store.ts';
import { chooseManifest, readStored } from './resolve-image.ts';

/** An image with what the lock file says of it. */
export interface Wanted extends Sought {
  /** Of what the name means on all platforms. */
  readonly root?: Digest;
}

/**
 * Brings what `root` means on one platform into the store: manifest, config and layers, which are
 * unpacked. It is held, and gets no name.
 * @throws ConvertError the codes of sources, manifests and layers; `LOCK_MISMATCH`; StoreError.
 */
export async function pullManifest(
  transfer: LayerTransfer,
  root: Resolved,
  { name, platform, digest: locked }: Wanted,
  lock: LockFile | undefined,
): Promise<StoredImage> {
  const { store } = transfer;
  const { descriptor, bytes, manifest } = await chooseManifest(transfer, root, platform);
  const { mediaType, digest, size } = descriptor;
  requireLocked(lock, name, digest, locked);
  const parts = [descriptor, manifest.config, ...manifest.layers];
  await store.hold(parts.map(({ digest }) => digest));
  transfer.onEvent?.({ event: 'resolved', reference: name, digest });
  await store.blobs.put(bytes);
  await readStored(transfer, manifest.config);
  const image = await loadImage(store, name, { mediaType, digest, size });
  refuseOtherPlatform(image, platform);
  await fetchLayers(transfer, image.layers);
  return {
    ...image,
    descriptor: { ...image.descriptor, platform: normalizePlatform(image.config) },
  };
}

function refuseOtherPlatform({ name, config, platform }: StoredImage, wanted: Platform): void {
  if (config.os === 'windows') {
    throw new ConvertError(
      'IMAGE_UNSUPPORTED',
      `pulling ${name}: found an image for ${platform}, wanted one for linux; OSv runs Linux programs only`,
      {
        hint: 'publish the app for linux-x64, e.g. dotnet publish -r linux-x64 /t:PublishContainer',
      },
    );
  }
  if (platformMatches(config, wanted)) return;
  const hint = hintFor([platform], wanted, (one) => `osv-convert pull --platform ${one} ${name}`);
  throw new ConvertError(
    'PLATFORM_NOT_FOUND',
    `pulling ${name}: found an image for ${platform} only, wanted ${formatPlatform(wanted)}`,
    hint === undefined ? {} : { hint },
  );
}
