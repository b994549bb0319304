import { hexOf } from '../../../store/index.ts';
import { ConvertError } from '../../error.ts';
import { documentCap } from '../../oci/json.ts';
import { requireSize } from '../layout/file.ts';
import { checkMarker } from '../layout/folder.ts';
import type { Images } from '../layout/images.ts';
import { readIndexJson } from '../layout/index-json.ts';
import { invalidArchive, type TarFile } from './tar-file.ts';

/**
 * The images of an OCI image layout in a tar; undefined when the tar holds no layout.
 * @throws ConvertError `ARCHIVE_INVALID`, `MANIFEST_INVALID`, `IMAGE_UNSUPPORTED`.
 */
export async function ociImagesOf(tar: TarFile, path: string): Promise<Images | undefined> {
  const where = `the archive ${path}`;
  const [marker, index] = ['oci-layout', 'index.json'].map((name) => tar.names.find(name));
  if (marker === undefined || index === undefined) return undefined;
  checkMarker(await tar.read(marker, documentCap), where);
  const { list, referrers } = await readIndexJson(await tar.read(index, documentCap));
  return {
    where,
    location: `oci-archive:${path}`,
    list,
    referrers,
    async *fetch({ digest, size }, options) {
      const action = `reading ${digest} of ${where}`;
      const file = tar.names.find(`blobs/sha256/${hexOf(digest)}`);
      if (file === undefined) {
        throw new ConvertError(
          'IMAGE_NOT_FOUND',
          `${action}: found no such blob, wanted its bytes`,
        );
      }
      requireSize(file.size, size, action);
      if (file.digest !== digest) throw invalidArchive(action, `bytes of ${file.digest}`, digest);
      yield* tar.stream(file, options);
    },
    size: async (digest) => tar.names.find(`blobs/sha256/${hexOf(digest)}`)?.size,
    close: () => tar.close(),
  };
}
