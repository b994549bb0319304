import { Buffer } from 'node:buffer';
import { setImmediate as turn } from 'node:timers/promises';
import { vanished } from '../files/draft.ts';
import type { Files, OpenFile } from '../files/files.ts';

/** How much of a blob there is, told while it comes. */
export interface Arrival {
  /** So many bytes of it are in its file now. */
  received(count: number): void;
  /** All is in the store, verified; `received` said so before. */
  complete(): void;
  /** It does not come, or comes anew: ends every wait. */
  fail(reason: unknown): void;
  /**
   * Waits until there are `count` bytes; for who wants to know it verified, until it is `complete`.
   * Returns how many there are.
   * @throws the reason of `fail` or of the signal.
   */
  until(wanted: number | 'complete', signal?: AbortSignal): Promise<number>;
}

export function createArrival(): Arrival {
  let there = 0;
  let isComplete = false;
  const failed = new AbortController();
  let waiting: (() => void)[] = [];

  const wake = (): void => {
    const woken = waiting;
    waiting = [];
    for (const one of woken) one();
  };

  return {
    received(count) {
      if (count < there) failed.abort(new Error('the transfer began anew'));
      there = count;
      wake();
    },
    complete() {
      isComplete = true;
      wake();
    },
    fail(reason) {
      failed.abort(reason);
      wake();
    },
    async until(wanted, signal) {
      signal?.addEventListener('abort', wake);
      try {
        for (;;) {
          signal?.throwIfAborted();
          failed.signal.throwIfAborted();
          if (isComplete || (wanted !== 'complete' && there >= wanted)) return there;
          await new Promise<void>((done) => waiting.push(done));
        }
      } finally {
        signal?.removeEventListener('abort', wake);
      }
    },
  };
}

/** A blob that comes, and the files that it is in, or will be: it keeps its bytes when it is renamed. */
export interface ArrivingBlob {
  readonly files: Files;
  readonly paths: readonly string[];
  readonly size: number;
  /** Told how many bytes were read. */
  readonly onRead: (read: number) => void;
}

const chunkSize = 2 ** 20;

/** Bytes that are waited for: a line brings them in pieces that are not worth a turn of zlib's thread. */
const worthReading = 2 ** 18;

/**
 * The bytes of a blob while it comes, in pieces of at most 1 MiB that stay as they are, not verified.
 * They end when the arrival is complete, so that nothing is made of a blob that turns out wrong.
 * @throws what `Arrival.until` does.
 */
export async function* arriving(
  arrival: Arrival,
  { files, paths, size, onRead }: ArrivingBlob,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  await arrival.until(Math.min(1, size), signal);
  const file = openFirst(files, paths);
  try {
    for (let read = 0; read < size; ) {
      await turn();
      const there = await arrival.until(Math.min(read + worthReading, size), signal);
      const buffer = Buffer.allocUnsafe(Math.min(chunkSize, there - read));
      const chunk = buffer.subarray(0, file.read(buffer, read));
      if (chunk.length === 0) throw vanished(file.path);
      read += chunk.length;
      onRead(read);
      yield chunk;
    }
    await arrival.until('complete', signal);
  } finally {
    file.close();
  }
}

function openFirst(files: Files, paths: readonly string[]): OpenFile {
  for (const path of paths) {
    const file = files.open(path);
    if (file !== undefined) return file;
  }
  throw vanished(paths.join(', '));
}
