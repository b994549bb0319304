import { randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ConvertError } from '../../error.ts';

/** A file without a name: it is gone once it is closed, and also when the process is killed. */
export interface Scratch {
  readonly handle: FileHandle;
  /** Gives `bytes` on, each chunk once it is written at the end of the file. */
  keep(bytes: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
}

/** @throws ConvertError, also from `keep`: `STORE_FULL`, `STORE_UNUSABLE`. */
export async function openScratch(folder: string): Promise<Scratch> {
  const path = join(folder, `inflated-${randomUUID()}`);
  const handle = await attempt(folder, async () => {
    await mkdir(folder, { recursive: true });
    const opened = await open(path, 'wx+', 0o600);
    await rm(path);
    return opened;
  });
  return {
    handle,
    async *keep(bytes) {
      for await (const chunk of bytes) {
        await attempt(folder, async () => {
          for (let at = 0; at < chunk.length; ) {
            at += (await handle.write(chunk, at, chunk.length - at)).bytesWritten;
          }
        });
        yield chunk;
      }
    },
  };
}

async function attempt<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const found = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    const full = ['ENOSPC', 'EDQUOT', 'EFBIG'].includes(found);
    throw new ConvertError(
      full ? 'STORE_FULL' : 'STORE_UNUSABLE',
      `inflating the archive into ${folder}: found ${found}, wanted ${full ? 'room for it' : 'a folder that can be written'}`,
      { hint: 'inflate the archive yourself, or choose a store elsewhere', cause },
    );
  }
}
