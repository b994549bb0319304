import type { SyncAccess } from '../tree/access.ts';
import { conversionOf, invalidDisk, unsupportedDisk } from './disk-error.ts';
import { partOf } from './part.ts';
import { cookie, fixed, footerSize, footerSum } from './vhd.ts';

/** A file that ends in a footer. One that begins with it is dynamic, and has a copy of it there. */
export function isVhd(file: SyncAccess): boolean {
  return [0, file.size - footerSize].some(
    (at) => at >= 0 && beginsSo(file.read(at, cookie.length)),
  );
}

/**
 * The disk in a file that `isVhd`.
 * @throws ConvertError `DISK_UNSUPPORTED` for one that is not fixed, `DISK_INVALID`.
 */
export function openVhdAccess(file: SyncAccess, path: string): SyncAccess {
  const footer = Buffer.from(file.read(file.size - footerSize, footerSize));
  if (footer.length < footerSize || !beginsSo(footer)) {
    throw invalidDisk(path, 'the footer of a VHD at its beginning only', 'one at its end');
  }
  const [found, sum] = [footer.readUInt32BE(64), footerSum(footer)];
  if (found !== sum) throw invalidDisk(path, `a footer with the sum ${found}`, `${sum}`);
  const type = footer.readUInt32BE(60);
  if (type !== fixed) {
    throw unsupportedDisk(path, `a VHD of type ${type}`, 'a fixed one (2)', conversionOf(path));
  }
  const size = Number(footer.readBigUInt64BE(48));
  if (size !== file.size - footerSize) {
    throw invalidDisk(
      path,
      `a disk of ${size} bytes`,
      `${file.size - footerSize}, all before the footer`,
    );
  }
  return partOf(file, { offset: 0, size });
}

function beginsSo(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.subarray(0, cookie.length)).toString('latin1') === cookie;
}
