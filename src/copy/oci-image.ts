import type { Store } from '../../store/index.ts';
import { referrerOf } from '../oci/links.ts';
import { parsePlatform } from '../oci/platform.ts';
import { chooseManifest } from '../pull/resolve-image.ts';
import type { Resolved, Source } from '../source/source.ts';
import type { OutgoingImage } from '../target/layout.ts';
import { collectDocuments } from './documents.ts';
import { outgoingBlobs } from './outgoing.ts';
import { collectReferrers } from './stored-referrers.ts';

/** An image that is to go out, and what its name means. */
export interface SoughtImage {
  readonly name: string;
  readonly source: Source;
  readonly root: Resolved;
}

export interface OciImageOptions {
  /** `os/architecture[/variant]`; all there are when absent. */
  readonly platform?: string;
  /** True: with what refers to it in the store. */
  readonly referrers?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * An image as it is, byte for byte.
 * @throws ConvertError `PLATFORM_INVALID`, `PLATFORM_NOT_FOUND`, `MANIFEST_INVALID`, the codes of
 * sources; StoreError.
 */
export async function ociImage(
  store: Store,
  sought: SoughtImage,
  options: OciImageOptions,
): Promise<OutgoingImage> {
  const { name, source } = sought;
  const { descriptor, bytes } = await narrowed(store, sought, options);
  const image = await collectDocuments(source, { descriptor, bytes }, options);
  const referrers = options.referrers ? await collectReferrers(store, source, image, options) : [];
  return {
    name,
    root: descriptor,
    blobs: outgoingBlobs(source, [...image, ...referrers], options),
    referrers: referrers.map(({ descriptor, links, subject }) => {
      return { descriptor: referrerOf(descriptor, links), subject };
    }),
  };
}

/** What the image means on the one platform that was asked for. */
async function narrowed(
  store: Store,
  { source, root }: SoughtImage,
  { platform, signal }: OciImageOptions,
): Promise<Resolved> {
  if (platform === undefined) return root;
  const transfer = { store, source, ...(signal && { signal }) };
  return await chooseManifest(transfer, root, parsePlatform(platform));
}
