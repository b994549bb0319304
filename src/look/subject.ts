import { stat } from 'node:fs/promises';
import { ConvertError } from '../error.ts';

/** What a command that takes a disk or an image does with it, for its errors. */
export interface SubjectWords {
  /** `running`, `opening`. */
  readonly doing: string;
  /** The next command to type where there is no such file. */
  readonly hint: string;
}

/**
 * Whether `subject` is a file on this machine: one that is there, whatever it is called. What looks like
 * a path, and has no transport before it, is one, so that a misspelt file is not looked for in a registry.
 * @throws ConvertError `USAGE` for a path at which no file is.
 */
export async function isFile(subject: string, { doing, hint }: SubjectWords): Promise<boolean> {
  const found = await stat(subject).catch(() => undefined);
  if (found?.isFile()) return true;
  if (!/^\.{0,2}\/|^[^:]*\.(?:raw|img|qcow2|rofs)$/.test(subject)) return false;
  throw new ConvertError(
    'USAGE',
    `${doing} ${subject}: found ${found ? 'something that is no file' : 'no such file'}, wanted a disk or an image reference`,
    { hint },
  );
}
