import type { SyncAccess } from '../tree/access.ts';
import { conversionOf, invalidDisk, unsupportedDisk } from './disk-error.ts';
import { partOf } from './part.ts';
import { footerSize, hasFooterAt, kinds, readFooter } from './vhd-footer.ts';

/** A file that ends in a footer. One that begins with it `isDynamicVhd`. */
export function isVhd(file: SyncAccess): boolean {
  return hasFooterAt(file, file.size - footerSize);
}

/**
 * The disk in a file that `isVhd`.
 * @throws ConvertError `DISK_UNSUPPORTED` for one that is not fixed, `DISK_INVALID`.
 */
export function openVhdAccess(file: SyncAccess, path: string): SyncAccess {
  const { size, kind } = readFooter(file, path, file.size - footerSize);
  if (kind !== kinds.fixed) {
    const found = `a VHD of type ${kind} that begins with no footer`;
    throw unsupportedDisk(path, found, 'a fixed one (2)', conversionOf(path));
  }
  if (size !== file.size - footerSize) {
    const wanted = `${file.size - footerSize}, all before the footer`;
    throw invalidDisk(path, `a disk of ${size} bytes`, wanted);
  }
  return partOf(file, { offset: 0, size });
}
