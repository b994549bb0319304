import { compressionOf } from '../../../store/inflate/inflate.ts';
import { descriptorOf } from '../descriptor.ts';
import { type BuiltImage, buildImage } from '../image.ts';
import { diffIDOf } from './unpack.ts';

/** An image of these blobs as they are, each with the media type that its bytes have. */
export async function imageOfBlobs(layers: readonly Uint8Array[]): Promise<BuiltImage> {
  const built = await Promise.all(
    layers.map(async (blob) => {
      const compression = compressionOf(blob);
      const suffix = compression === undefined ? '' : `+${compression}`;
      const descriptor = descriptorOf(`application/vnd.oci.image.layer.v1.tar${suffix}`, blob);
      return { diffID: await diffIDOf(blob), tar: blob, blob, descriptor };
    }),
  );
  return buildImage({ layers: built });
}
