import { type Stats, statSync } from 'node:fs';
import { ConvertError } from './error.ts';
import { parseLocation } from './oci/location.ts';
import { shellWord } from './shell-word.ts';

const flattenTypes = ['dir', 'tar', 'tar.gz', 'rofs'] as const;

/** A folder, a tar, or a ROFS as it lies on a disk. */
export type FlattenType = (typeof flattenTypes)[number];

const disks = /\.(?:raw|img|qcow2)$/i;

/** Compressed tars, archives and file systems, of which none is written here. */
const foreign = /\.(?:tar\.\w+|t(?:zst|xz|bz2?)|zip|cpio|erofs|squashfs|ext[234])$/i;

/**
 * What an output is by its name, without regard to case; a folder unless the name says otherwise.
 * @throws ConvertError `USAGE` for a name that says what is not written here.
 */
export function flattenTypeOf(output: string): FlattenType {
  if (/\.(?:tar\.gz|tgz)$/i.test(output)) return 'tar.gz';
  if (/\.tar$/i.test(output)) return 'tar';
  if (/\.rofs$/i.test(output)) return 'rofs';
  const [disk] = disks.exec(output) ?? [];
  if (disk !== undefined) {
    const name = output.slice(0, -disk.length) + disk.toLowerCase();
    const hint = `osv-convert build REF -o ${shellWord(name)}`;
    throw refusal(output, `the name of a disk, ${disk}`, hint);
  }
  const [suffix] = foreign.exec(output) ?? [];
  if (suffix === undefined) return 'dir';
  const packed = /^\.t/i.test(suffix);
  const hint = packed
    ? 'osv-convert flatten SUBJECT --to - | zstd > FILE.tar.zst'
    : 'osv-convert flatten SUBJECT --to FILE.tar';
  throw refusal(output, `a name that ends in ${suffix}`, hint);
}

function refusal(output: string, found: string, hint: string): ConvertError {
  const wanted = '.tar or .tar.gz for a tar, .rofs for a ROFS, or --type';
  const sentence = `writing ${output}: found ${found}, wanted ${wanted}`;
  return new ConvertError('USAGE', sentence, { hint });
}

/**
 * An output must not take the place of the file that is read, under whatever name, and stdout has none
 * that could be taken.
 * @throws ConvertError `USAGE`.
 */
export function checkOutput(subject: string, output: string): void {
  const existing = statOf(output);
  if (existing === undefined) return;
  for (const path of filesOf(subject)) {
    const read = statOf(path);
    if (read?.dev !== existing.dev || read.ino !== existing.ino) continue;
    throw new ConvertError(
      'USAGE',
      `writing ${output}: found the file that is read, wanted another`,
      { hint: 'name another file' },
    );
  }
  if (existing.isFile() || !stdoutNames.includes(output)) return;
  throw new ConvertError('USAGE', `writing ${output}: found stdout, wanted - for it`, {
    hint: `osv-convert flatten ${shellWord(subject)} --to -`,
  });
}

const stdoutNames = ['/dev/stdout', '/dev/fd/1', '/proc/self/fd/1'];

/** Where on this machine a subject may be read from. */
function filesOf(subject: string): readonly string[] {
  if (!/^(?:oci|docker)-archive:/.test(subject)) return [subject];
  const location = parseLocation(subject);
  return 'path' in location ? [subject, location.path] : [subject];
}

/** What is not there, or cannot be looked at, is told when it is opened. */
function statOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}
