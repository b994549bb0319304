/** Why a file could not be read, as an error tells what it found in its place. */
export function unreadReason(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'no file';
  return (
    {
      ENOENT: 'no such file',
      ENOTDIR: 'a file in the place of a folder',
      EISDIR: 'a folder',
      EACCES: 'a file one may not read',
      ENXIO: 'a socket',
    }[code] ?? code
  );
}
