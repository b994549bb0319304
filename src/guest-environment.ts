import type { Store } from '../store/index.ts';
import type { EnvironmentEntry } from './osv/environment.ts';
import { defaultKernel, findKernel } from './osv/kernels.ts';
import { type GuestWishes, prepare } from './prepare.ts';
import type { StoredImage } from './pull/image.ts';
import { withLayers } from './tree/open-layers.ts';

/**
 * The environment that the app of an image would have on OSv: all that building a disk of it does, but for
 * the disk. Nothing of the user's values is checked.
 * @throws ConvertError the codes of `prepare` and of kernels; StoreError.
 */
export async function guestEnvironment(
  store: Store,
  image: StoredImage,
  wishes: GuestWishes,
): Promise<readonly EnvironmentEntry[]> {
  const { kernel: name } = wishes;
  const kernel = await (name === undefined ? defaultKernel(store) : findKernel(store, name));
  return await withLayers(store, async (open) => {
    const prepared = await prepare(store, open, image, kernel, wishes);
    if (prepared.kind === 'stopped') throw prepared.reason;
    return prepared.guest.environment.entries;
  });
}
