import { dirname } from 'node:path';
import { shellWord } from './shell-word.ts';

/** Why a file could not be read, as an error tells what it found in its place. */
export function unreadReason(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'no file';
  return (
    {
      ENOENT: 'no such file',
      ENOTDIR: 'a file in the place of a folder',
      EISDIR: 'a folder',
      EACCES: 'what one may not read',
      ENXIO: 'a socket',
    }[code] ?? code
  );
}

/** The next command to type: it shows what is there in the place of the file, or who may read it. */
export function unreadHint(path: string, cause: unknown): string | undefined {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code === 'EACCES' || code === 'EPERM') return `namei -l ${shellWord(path)}`;
  const isMissing = code === 'ENOENT' || code === 'ENOTDIR';
  return isMissing ? `ls -l ${shellWord(dirname(path))}` : undefined;
}
