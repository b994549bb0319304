import type { Digest, Store } from '../../store/index.ts';
import { ConvertError } from '../error.ts';
import { type Location, nameOf } from '../oci/location.ts';
import { formatPlatform, type Platform } from '../oci/platform.ts';
import { parseReference } from '../oci/reference.ts';
import { withHealing } from './heal.ts';
import type { StoredImage } from './image.ts';
import { parseImageLocation } from './image-location.ts';
import { type LockedImage, type LockFile, lockedDigests, requireLocked } from './lock-file.ts';
import { lookInStore } from './look-in-store.ts';
import { withNamesake } from './namesake.ts';
import { type OpenImageOptions, openImage } from './open-image.ts';
import { pullManifest, type Wanted } from './pull-manifest.ts';
import { platformOf } from './wanted-platform.ts';

export interface PullOptions extends OpenImageOptions {
  /** `os/architecture[/variant]`; the configured one when absent, else `linux/amd64`. */
  readonly platform?: string | undefined;
  /** `missing` when absent. */
  readonly pull?: PullPolicy;
  /** True: no socket is opened; files and the store are read. */
  readonly offline?: boolean;
  /** What images must be; one that it does not name is refused. */
  readonly lock?: LockFile;
}

/**
 * When a registry is asked for an image: `always`, to learn what its name means now; when it is
 * `missing` in the store; `never`.
 */
export type PullPolicy = 'always' | 'missing' | 'never';

export interface Pulled {
  /** As the images are named in the store. */
  readonly name: string;
  /** In the order of the platforms asked for. */
  readonly images: readonly StoredImage[];
  /** What the name meant, for a lock file; undefined where the store alone was asked. */
  readonly meaning?: LockedImage;
}

/**
 * The image at a location, brought into the store by the pull policy. Files are read each time, for
 * that the store has an image of their name says nothing of what is in them now. Damage that is met in
 * the store is left to the caller, who works on with the image.
 * @throws ConvertError what `pullPlatforms` throws.
 */
export async function obtain(
  store: Store,
  text: string,
  options: PullOptions,
): Promise<StoredImage> {
  const location = parseImageLocation(text);
  const platform = platformOf(options);
  const isNamed = location.transport === 'registry' || location.transport === 'store';
  if (!isNamed || (options.pull ?? 'missing') !== 'missing') {
    return onlyOne(await pullOnce(store, text, [platform], options));
  }
  const found = await lookInStore(store, soughtOf(location, platform, options), options);
  if ('image' in found) return found.image;
  // What the store lacks of an image is fetched of that one, whatever its name means by now.
  return onlyOne(await pullOnce(store, text, [platform], options, found.manifest));
}

/**
 * Brings an image into the store: index → platform → manifest → config → layers, each verified, each
 * layer unpacked. What is in the store already is not fetched again, unless it turns out damaged;
 * the name is set last.
 * @throws ConvertError what `pullPlatforms` throws.
 */
export async function pull(store: Store, text: string, options: PullOptions): Promise<StoredImage> {
  return onlyOne(await pullPlatforms(store, text, [platformOf(options)], options));
}

function onlyOne({ images: [image] }: Pulled): StoredImage {
  if (image === undefined) throw new Error('pulling for one platform gave no image');
  return image;
}

/**
 * Like `pull`, for several platforms of a name, whose meaning is asked for once.
 * @throws ConvertError the codes of sources, manifests and layers; `OFFLINE` when the store lacks what
 * may not be fetched; `LOCK_MISSING`, `LOCK_MISMATCH`; StoreError.
 */
export async function pullPlatforms(
  store: Store,
  text: string,
  platforms: readonly Platform[],
  options: PullOptions,
): Promise<Pulled> {
  return await withHealing(store, options, () => pullOnce(store, text, platforms, options));
}

/** `known` is what the name is to mean, whatever it means at its registry. */
async function pullOnce(
  store: Store,
  text: string,
  platforms: readonly Platform[],
  options: PullOptions,
  known?: Digest,
): Promise<Pulled> {
  const location = parseImageLocation(text);
  try {
    return await pullFrom(store, location, platforms, options, known);
  } catch (error) {
    throw location.transport === 'registry' ? withNamesake(text, error) : error;
  }
}

async function pullFrom(
  store: Store,
  location: Location,
  platforms: readonly Platform[],
  options: PullOptions,
  known?: Digest,
): Promise<Pulled> {
  const name = nameOf(location);
  const wanted = platforms.map((platform) => soughtOf(location, platform, options));
  const images: StoredImage[] = [];
  if (isClosed(location, options)) {
    for (const sought of wanted) images.push(await takeFromStore(store, sought, options));
    return { name, images };
  }
  const { lock, onEvent, signal } = options;
  const locked = lock && wanted[0]?.root;
  const offline = options.offline === true || options.pull === 'never';
  const at = pinned(location, locked ?? known);
  const source = await openImage(store, at, { ...options, offline });
  try {
    const transfer = { store, source, ...(onEvent && { onEvent }), ...(signal && { signal }) };
    const root = await source.resolve(options);
    requireLocked(lock, name, root.descriptor.digest, locked);
    const digests: Record<string, Digest> = {};
    for (const sought of wanted) {
      const image = await pullManifest(transfer, root, sought, lock);
      images.push(image);
      digests[formatPlatform(sought.platform)] = image.descriptor.digest;
    }
    // A name in the store stays the one it has, however short it was written.
    if (location.transport !== 'store') {
      for (const { descriptor } of images) await store.refs.set(name, descriptor);
    }
    return { name, images, meaning: { digest: root.descriptor.digest, platforms: digests } };
  } finally {
    await source.close();
  }
}

function soughtOf(location: Location, platform: Platform, { lock }: PullOptions): Wanted {
  const name = nameOf(location);
  if (lock === undefined) return { name, platform };
  const { root, manifest } = lockedDigests(lock, name, formatPlatform(platform));
  return { name, platform, root, digest: manifest };
}

/** True when the store alone may be asked. */
function isClosed({ transport }: Location, { pull, offline = false }: PullOptions): boolean {
  return (pull === 'never' && transport !== 'store') || (offline && transport === 'registry');
}

async function takeFromStore(
  store: Store,
  sought: Wanted,
  options: PullOptions,
): Promise<StoredImage> {
  const { name, platform } = sought;
  const found = await lookInStore(store, sought, options);
  if (!('image' in found)) {
    throw new ConvertError(
      'OFFLINE',
      `reading ${name} from the store: found no ${found.missing}, wanted all of it there (${options.offline ? '--offline' : '--pull never'})`,
      { hint: `osv-convert pull --platform ${formatPlatform(platform)} ${name}` },
    );
  }
  options.onEvent?.({
    event: 'resolved',
    reference: name,
    digest: found.image.descriptor.digest,
  });
  return found.image;
}

/** A tag is not asked for where it is known what it is to mean. */
function pinned(location: Location, digest: Digest | undefined): Location {
  if (location.transport !== 'registry' || digest === undefined) return location;
  const { registry, repository } = location.reference;
  return { ...location, reference: parseReference(`${registry}/${repository}@${digest}`) };
}
