import type { Store } from '../../../store/index.ts';
import { type BuiltImage, buildImage } from '../image.ts';
import { directory, file } from '../layers.ts';

export const keptName = 'kept';

/** Is in the store from the beginning, and stays, whatever becomes of those who write there. */
export const keptImage = buildImage({
  layers: [[directory('app'), file('app/kept', 'the bytes of a file '.repeat(500))]],
});

/** As `pull` leaves it: the name last. */
export async function takeImage(store: Store, name: string, image: BuiltImage): Promise<void> {
  for (const bytes of image.blobs.values()) await store.blobs.put(bytes);
  for (const { descriptor, diffID } of image.layers) {
    await store.layers.ingest(descriptor.digest, diffID);
  }
  await store.refs.set(name, image.root);
}
