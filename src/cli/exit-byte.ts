/** A process has a byte for its exit code; a failure must not become a success in it. */
export function exitByteOf(exitCode: number): number {
  return exitCode === 0 ? 0 : exitCode & 0xff || 1;
}
