import { ConvertError } from '../error.ts';

/** Something in a ROFS that the format does not allow. */
export function invalidRofs(found: string, wanted: string): ConvertError {
  return new ConvertError('ROFS_INVALID', `reading the ROFS: found ${found}, wanted ${wanted}`);
}
