import type { FileHandle } from 'node:fs/promises';
import { ConvertError } from '../../error.ts';
import { unreadHint } from '../../unread-file.ts';

const chunkSize = 2 ** 20;

export interface Range {
  readonly from: number;
  /** One past the last byte. */
  readonly to: number;
  /** What is being done, as error sentences begin. */
  readonly action: string;
  readonly signal?: AbortSignal | undefined;
}

/** The bytes of a range in pieces, each in memory of its own. @throws ConvertError `SIZE_MISMATCH`. */
export async function* readRange(
  handle: FileHandle,
  { from, to, action, signal }: Range,
): AsyncGenerator<Uint8Array, void> {
  for (let at = from; at < to; ) {
    signal?.throwIfAborted();
    const chunk = await readFrom(handle, at, Math.min(chunkSize, to - at), action);
    at += chunk.length;
    yield chunk;
  }
}

/** Exactly `length` bytes. @throws ConvertError `SIZE_MISMATCH` where the file ends before. */
export async function readFrom(
  handle: FileHandle,
  offset: number,
  length: number,
  action: string,
): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafe(length);
  for (let at = 0; at < length; ) {
    const { bytesRead } = await handle.read(bytes, at, length - at, offset + at);
    if (bytesRead === 0) {
      throw new ConvertError(
        'SIZE_MISMATCH',
        `${action}: found the end of the file at byte ${offset + at}, wanted ${offset + length} bytes`,
      );
    }
    at += bytesRead;
  }
  return bytes;
}

/** @throws ConvertError `SIZE_MISMATCH`. */
export function requireSize(found: number, wanted: number, action: string): void {
  if (found === wanted) return;
  throw new ConvertError('SIZE_MISMATCH', `${action}: found ${found} bytes, wanted ${wanted}`);
}

/** What the operating system says of a file of an image: missing, or not to be read. */
export function fileError(action: string, path: string, cause: unknown): unknown {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : undefined;
  if (code === undefined || cause instanceof ConvertError) return cause;
  if (code === 'EISDIR') {
    const found = `found a folder at ${path}, wanted a file`;
    return new ConvertError('IMAGE_NOT_FOUND', `${action}: ${found}`, { cause });
  }
  const missing = ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO'].includes(code);
  const hint = unreadHint(path, cause);
  return new ConvertError(
    missing ? 'IMAGE_NOT_FOUND' : 'ACCESS_DENIED',
    `${action}: found ${missing ? 'no file' : `${code}`} at ${path}, wanted ${missing ? 'one' : 'to read it'}`,
    { cause, ...(hint && { hint }) },
  );
}
