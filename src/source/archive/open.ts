import { ConvertError } from '../../error.ts';
import { shellWord } from '../../shell-word.ts';
import type { Images } from '../layout/images.ts';
import { hasAll } from './agreement.ts';
import { dockerImagesOf, listedParts } from './docker-archive.ts';
import { ociImagesOf } from './oci-archive.ts';
import { type OpenTarOptions, openTarFile } from './tar-file.ts';

/**
 * The images of an archive, whichever of the two kinds it is. Docker from version 25 on writes both
 * into one file. The layout counts then, whose manifests may be those of a registry, but only where it
 * has all that manifest.json lists: Docker 25.0.0 brought layers into any order there, and up to now
 * images without names may be left out.
 * @throws ConvertError `IMAGE_NOT_FOUND`, `ARCHIVE_INVALID`, `LAYER_LIMIT` and those of documents.
 */
export async function openArchive(path: string, options: OpenTarOptions): Promise<Images> {
  const tar = await openTarFile(path, options);
  try {
    const layout = await ociImagesOf(tar, path);
    const isWhole = layout !== undefined && (await hasAll(layout, await listedParts(tar, path)));
    const images = isWhole ? layout : await dockerImagesOf(tar, path);
    if (images !== undefined) return images;
  } catch (error) {
    await tar.close();
    throw error;
  }
  await tar.close();
  throw notAnImage(path, tar.names.find('disk.raw') !== undefined);
}

function notAnImage(path: string, hasDisk: boolean): ConvertError {
  const found = hasDisk
    ? 'disk.raw, a disk for Google Compute Engine,'
    : 'neither index.json nor manifest.json in it,';
  return new ConvertError(
    'ARCHIVE_INVALID',
    `reading the archive ${path}: found ${found} wanted an archive of images`,
    // A command that writes would put an image in the place of what the file is.
    { hint: hasDisk ? `tar -xf ${shellWord(path)} disk.raw` : `tar -tf ${shellWord(path)}` },
  );
}
