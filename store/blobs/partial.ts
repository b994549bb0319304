import { Buffer } from 'node:buffer';
import { createHash, type Hash } from 'node:crypto';
import { dirname } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import type { Digest } from '../digest.ts';
import { commitFile, makeFolder, vanished } from '../files/draft.ts';
import type { Files, OpenFile } from '../files/files.ts';
import { digestMismatch, sizeMismatch } from './mismatch.ts';

export interface Transfer {
  readonly files: Files;
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
  const { files, expected, path, target } = transfer;
  await makeFolder(files, dirname(path));
  const file = files.update(path);
  try {
    let stand = await readBack(file, transfer);
    for (;;) {
      const continued = stand.received > 0;
      transfer.tell(stand.received);
      const found = await receive(file, stand, transfer);
      if (found === expected.digest) break;
      file.truncate(0);
      if (!continued) {
        files.remove(path);
        throw digestMismatch(expected.digest, found, 'the bytes that came');
      }
      stand = { received: 0, hash: createHash('sha256') };
    }
    const isCommitted = await commitFile(files, file, target);
    // A former holder who was wrongly taken for dead may have committed it.
    if (!isCommitted && files.stat(target) === undefined) throw vanished(path);
  } finally {
    file.close();
  }
}

/** Hashes what an earlier transfer left. More than is wanted cannot be right, and goes. */
async function readBack(
  file: OpenFile,
  { files, expected, path, signal }: Transfer,
): Promise<Stand> {
  const hash = createHash('sha256');
  const size = file.size();
  if (size > expected.size) {
    file.truncate(0);
    return { received: 0, hash };
  }
  // It is in use: the sweep of old partial files must pass it by.
  files.touch(path);
  const buffer = Buffer.allocUnsafe(Math.min(size, 2 ** 20));
  let received = 0;
  while (received < size) {
    await turn();
    signal.throwIfAborted();
    const count = file.read(buffer, received);
    if (count === 0) break;
    hash.update(buffer.subarray(0, count));
    received += count;
  }
  return { received, hash };
}

/** Takes the rest of the bytes; returns the digest of all. */
async function receive(
  file: OpenFile,
  { received: from, hash }: Stand,
  { files, expected: { digest, size }, path, open, signal, tell }: Transfer,
): Promise<string> {
  let received = from;
  if (received < size) {
    for await (const chunk of open(received, signal)) {
      signal.throwIfAborted();
      if (received + chunk.length > size) {
        files.remove(path);
        throw sizeMismatch(digest, `more than ${size}`, size);
      }
      hash.update(chunk);
      // At its place, never at the end: a former holder who is wrongly taken for dead writes the
      // same bytes to the same places.
      file.write(chunk, received);
      received += chunk.length;
      tell(received);
    }
    if (received < size) throw sizeMismatch(digest, `${received}`, size);
  }
  return `sha256:${hash.digest('hex')}`;
}
