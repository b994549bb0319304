import { statSync } from 'node:fs';
import { openFileAccess } from '../disk/file-access.ts';
import { hasBootSignature, sectorSize } from '../disk/mbr.ts';
import { formatOf } from '../disk/open-disk.ts';
import { ConvertError } from '../error.ts';
import { type Location, parseLocation } from '../oci/location.ts';
import { isRofs } from '../rofs/format.ts';
import { shellWord } from '../shell-word.ts';

/**
 * Reads a reference as `parseLocation` does, but for the path of a disk, of which a registry would be asked
 * else.
 * @throws ConvertError `REFERENCE_INVALID`.
 */
export function parseImageLocation(text: string): Location {
  if (looksLikeDisk.test(text) && isDisk(text)) {
    throw new ConvertError(
      'REFERENCE_INVALID',
      `reading the reference ${JSON.stringify(text.slice(0, 120))}: found a disk of that name here, wanted an image`,
      { hint: `osv-convert disk inspect ${shellWord(text)}` },
    );
  }
  return parseLocation(text);
}

const looksLikeDisk = /^\.{0,2}\/|\.(?:raw|img|qcow2|vmdk|vdi|vhd|rofs)$/;

/** False for what cannot be read: whoever opens it tells why. */
function isDisk(path: string): boolean {
  try {
    if (!statSync(path).isFile()) return false;
    const file = openFileAccess(path);
    try {
      const head = file.read(0, sectorSize);
      return formatOf(file) !== 'raw' || hasBootSignature(head) || isRofs(head);
    } finally {
      file.close();
    }
  } catch {
    return false;
  }
}
