import { ConvertError } from '../error.ts';

/** The reader of stdout wants no more, as in `| head -1`: an end, but no failure. */
export class StdoutClosed extends Error {}

/**
 * Writes a result, or a part of it, on stdout; resolved when it is written, so that a result that was
 * lost on a full disk is never a success.
 * @throws StdoutClosed; ConvertError `OUTPUT_FULL`, `OUTPUT_UNUSABLE`.
 */
export async function writeStdout(result: string | Uint8Array): Promise<void> {
  await new Promise<void>((done, failed) => {
    process.stdout.write(result, (error) => (error ? failed(stdoutError(error)) : done()));
  });
}

/** Without a listener a failed write ends the process: stdout's is told by `writeStdout`, talk may be lost. */
export function outliveClosedStreams(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
}

function stdoutError(cause: Error): Error {
  const code = 'code' in cause ? cause.code : undefined;
  if (code === 'EPIPE') return new StdoutClosed(cause.message, { cause });
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new ConvertError(
      'OUTPUT_FULL',
      'printing the result: found no room left where stdout leads, wanted room for the result',
      { hint: 'df -h', cause },
    );
  }
  return new ConvertError(
    'OUTPUT_UNUSABLE',
    `printing the result: found an error (${cause.message}), wanted a stdout that can be written`,
    { cause },
  );
}
