import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ConvertError } from '../error.ts';
import { shellWord } from '../shell-word.ts';

/** What a command that takes a disk or an image does with it, for its errors. */
export interface SubjectWords {
  /** `running`, `opening`. */
  readonly doing: string;
  /** A command that takes an image of a folder, for its hint. */
  readonly command: string;
  /** The next command to type where there is no such file. */
  readonly hint: string;
}

/**
 * Whether `subject` is a file on this machine: one that is there, whatever it is called. What looks like
 * a path, and has no transport before it, is one, so that a misspelt file is not looked for in a registry.
 * @throws ConvertError `USAGE` for a path at which no file is, `ACCESS_DENIED` where nobody can tell.
 */
export async function isFile(
  subject: string,
  { doing, command, hint }: SubjectWords,
): Promise<boolean> {
  const found = await stat(subject).catch((cause: unknown) =>
    unlessForbidden(cause, subject, doing),
  );
  if (found?.isFile()) return true;
  if (!looksLikePath.test(subject)) return false;
  if (found?.isDirectory()) throw await folderRefusal(subject, doing, command);
  if (found === undefined) throw refusal(subject, doing, 'no such file', hint);
  throw refusal(subject, doing, 'something that is no file', `ls -ld ${shellWord(subject)}`);
}

/** @throws ConvertError `ACCESS_DENIED`. */
function unlessForbidden(cause: unknown, subject: string, doing: string): undefined {
  const isForbidden = cause instanceof Error && 'code' in cause && cause.code === 'EACCES';
  if (!isForbidden || !looksLikePath.test(subject)) return;
  throw new ConvertError(
    'ACCESS_DENIED',
    `${doing} ${subject}: found a folder on the way there that this user may not enter, wanted to read it`,
    { hint: `namei -l ${shellWord(subject)}`, cause },
  );
}

const looksLikePath = /^\.{0,2}\/|^\.{1,2}$|^[^:]*(?:\/|\.(?:raw|img|qcow2|vmdk|vdi|vhd|rofs))$/;

async function folderRefusal(
  subject: string,
  doing: string,
  command: string,
): Promise<ConvertError> {
  const isLayout = await stat(join(subject, 'oci-layout')).then(
    (found) => found.isFile(),
    () => false,
  );
  if (!isLayout) return refusal(subject, doing, 'a folder');
  const image = `oci:${subject.replace(/(?<=.)\/+$/, '')}`;
  const hint = `osv-convert ${command} ${shellWord(image)}`;
  return refusal(subject, doing, 'a folder, an OCI layout', hint);
}

function refusal(subject: string, doing: string, found: string, hint?: string): ConvertError {
  return new ConvertError(
    'USAGE',
    `${doing} ${subject}: found ${found}, wanted a disk or an image reference`,
    hint === undefined ? {} : { hint },
  );
}
