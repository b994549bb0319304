import type { Digest, Store } from '../../store/index.ts';
import { architectureNames } from '../dotnet/architecture.ts';
import type { RuntimePlace } from '../dotnet/choose.ts';
import { getKeptRef } from '../dotnet/kept-refs.ts';
import { ConvertError } from '../error.ts';
import type { StoredImage } from '../pull/image.ts';
import { obtain, type PullOptions } from '../pull/pull.ts';
import type { OpenLayers } from '../tree/open-layers.ts';

/** A root file system with a runtime in it, whose layers are in the store and open. */
export interface StoredRuntime extends RuntimePlace {
  readonly image: StoredImage;
}

/** The image that `--runtime REF` names. @throws ConvertError the codes of `obtain`. */
export async function openReference(
  store: Store,
  open: OpenLayers,
  text: string,
  options: PullOptions,
): Promise<StoredRuntime> {
  return await openImage(open, await obtain(store, text, options));
}

/**
 * A kept runtime, which a lock file names like any image.
 * @param name `runtime/NAME`, which is there.
 * @throws ConvertError `RUNTIME_NOT_FOUND` for one of another digest than was wanted; the codes of `obtain`.
 */
export async function openKept(
  store: Store,
  open: OpenLayers,
  { name, digest }: { readonly name: string; readonly digest?: Digest },
  options: PullOptions,
): Promise<StoredRuntime> {
  const kept = await getKeptRef(store, name);
  const platform = `linux/${architectureNames[kept?.architecture ?? 'x64'].oci}`;
  const image = await obtain(store, `store:${name}`, { ...options, platform });
  const found = image.descriptor.digest;
  if (digest !== undefined && digest !== found) {
    throw new ConvertError(
      'RUNTIME_NOT_FOUND',
      `choosing the runtime ${name}: found ${found}, wanted ${digest}`,
      { hint: `with the file that it was saved to: osv-convert load FILE ${name}` },
    );
  }
  return { name, ...(await openImage(open, image)) };
}

async function openImage(open: OpenLayers, image: StoredImage): Promise<StoredRuntime> {
  const tree = await open.flatten(image.layers.map(({ diffID }) => diffID));
  return { image, tree, contents: open.contents };
}
