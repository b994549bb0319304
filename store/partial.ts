import { Buffer } from 'node:buffer';
import { createHash, type Hash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open as openFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Digest } from './digest.ts';
import { commitFile, makeFolder, writeAt } from './draft.ts';
import { storing } from './io-error.ts';
import { digestMismatch, sizeMismatch } from './mismatch.ts';

export interface Transfer {
  readonly expected: { readonly digest: Digest; readonly size: number };
  /** Where the bytes are kept until all are there. */
  readonly path: string;
  readonly target: string;
  /** The bytes from `offset` to the end. */
  readonly open: (offset: number, signal: AbortSignal) => AsyncIterable<Uint8Array>;
  readonly signal: AbortSignal;
  /** Told how many bytes there are. */
  readonly tell: (received: number) => void;
}

/** The bytes there are, and the digest's state after them. */
interface Stand {
  readonly received: number;
  readonly hash: Hash;
}

/**
 * Completes the partial file from where it ends and commits it. Only the holder of the blob's lease
 * may do so. What came stays when it fails, but for bytes that are shown to be wrong. A continued
 * file that turns out wrong is fetched once more from the start: power loss can leave a file longer
 * than what was written to it, and its beginning may be another server's.
 * @throws StoreError `SIZE_MISMATCH`, `DIGEST_MISMATCH`, `STORE_FULL`; what `open` throws.
 */
export async function completePartial(transfer: Transfer): Promise<void> {
  const { expected, path, target } = transfer;
  await storing(path, () => makeFolder(dirname(path)));
  const handle = await storing(path, () =>
    openFile(path, constants.O_RDWR | constants.O_CREAT, 0o644),
  );
  try {
    let stand = await readBack(handle, transfer);
    for (;;) {
      const continued = stand.received > 0;
      transfer.tell(stand.received);
      const found = await receive(handle, stand, transfer);
      if (found === expected.digest) break;
      await storing(path, () => handle.truncate(0));
      if (!continued) {
        await rm(path, { force: true });
        throw digestMismatch(expected.digest, found, 'the bytes that came');
      }
      stand = { received: 0, hash: createHash('sha256') };
    }
    await commitFile(handle, path, target);
  } finally {
    await handle.close();
  }
}

/** Hashes what an earlier transfer left. More than is wanted cannot be right, and goes. */
async function readBack(handle: FileHandle, { expected, path, signal }: Transfer): Promise<Stand> {
  return await storing(path, async () => {
    const hash = createHash('sha256');
    const { size } = await handle.stat();
    if (size > expected.size) {
      await handle.truncate(0);
      return { received: 0, hash };
    }
    // It is in use: the sweep of old partial files must pass it by.
    const now = new Date();
    await handle.utimes(now, now);
    const buffer = Buffer.allocUnsafe(Math.min(size, 2 ** 20));
    let received = 0;
    while (received < size) {
      signal.throwIfAborted();
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, received);
      if (bytesRead === 0) break;
      hash.update(buffer.subarray(0, bytesRead));
      received += bytesRead;
    }
    return { received, hash };
  });
}

/** Takes the rest of the bytes; returns the digest of all. */
async function receive(
  handle: FileHandle,
  { received: from, hash }: Stand,
  { expected: { digest, size }, path, open, signal, tell }: Transfer,
): Promise<string> {
  let received = from;
  if (received < size) {
    for await (const chunk of open(received, signal)) {
      signal.throwIfAborted();
      if (received + chunk.length > size) {
        await rm(path, { force: true });
        throw sizeMismatch(digest, `more than ${size}`, size);
      }
      hash.update(chunk);
      // At its place, never at the end: a former holder who is wrongly taken for dead writes the
      // same bytes to the same places.
      writeAt(handle, chunk, received, path);
      received += chunk.length;
      tell(received);
    }
    if (received < size) throw sizeMismatch(digest, `${received}`, size);
  }
  return `sha256:${hash.digest('hex')}`;
}
