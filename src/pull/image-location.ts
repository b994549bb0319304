import { ConvertError } from '../error.ts';
import { type Location, parseLocation } from '../oci/location.ts';
import { shellWord } from '../shell-word.ts';
import { isDisk, withNamesake } from './namesake.ts';

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
  try {
    return parseLocation(text);
  } catch (error) {
    throw withNamesake(text, error);
  }
}

const looksLikeDisk = /^\.{0,2}\/|\.(?:raw|img|qcow2|vmdk|vdi|vhd|rofs)$/;
