import { segmentTypes } from '../elf/elf.ts';
import { readElf } from '../elf/read.ts';
import type { Files } from './files.ts';

/** The version that a native part of .NET says of itself. */
export interface SaidVersion {
  /** As written: `10.0.926.27113`. */
  readonly text: string;
  /** As it is known: `10.0.9`. */
  readonly version: string;
}

const mark = Buffer.from('@(#)Version ');
const textCap = 64;

/** A runtime has some 7 MB, the host of a single file 13 MB; the bundle behind it is not loaded. */
const searchCap = 64 << 20;

/**
 * Looks for `@(#)Version MAJOR.MINOR.BUILD.REVISION` (dotnet/arcade, _version.c), where BUILD is the patch and
 * two digits of the year. .NET Core 3 numbers otherwise: of it only the host tells, as 3.100.PATCH and year.
 */
export function runtimeVersionIn(files: Files, path: string): SaidVersion | undefined {
  return files.read(path, (access) => {
    const elf = readElf(access);
    if (elf?.kind !== 'elf') return undefined;
    let left = searchCap;
    for (const { type, offset, fileSize } of elf.segments) {
      if (type !== segmentTypes.load || fileSize > left) continue;
      left -= fileSize;
      const data = Buffer.from(access.read(offset, fileSize));
      const at = data.indexOf(mark);
      if (at !== -1) return parse(data.toString('latin1', at + mark.length, at + textCap));
    }
    return undefined;
  });
}

function parse(said: string): SaidVersion | undefined {
  const [text, major = '', minor = '', build = ''] = /^(\d+)\.(\d+)\.(\d+)\.\d+/.exec(said) ?? [];
  const isCore3 = major === '3' && minor.endsWith('00') && minor !== '0';
  if (text === undefined || (Number(major) < 5 && !isCore3)) return undefined;
  const shortMinor = isCore3 ? Number(minor) / 100 : Number(minor);
  return { text, version: `${major}.${shortMinor}.${Math.floor(Number(build) / 100)}` };
}
