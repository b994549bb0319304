import { ConvertError } from '../error.ts';

/** Something in a tree that ROFS or the kernel cannot hold. */
export function rofsLimit(path: string, found: string, wanted: string): ConvertError {
  const shown = path.length > 200 ? `${path.slice(0, 200)}…` : path;
  return new ConvertError(
    'ROFS_LIMIT',
    `planning the ROFS: at ${JSON.stringify(shown)} found ${found}, wanted ${wanted}`,
  );
}
