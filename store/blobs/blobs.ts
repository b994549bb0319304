import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { type Digest, digestOf } from '../digest.ts';
import { StoreError } from '../error.ts';
import { withDraft, writeFileWhole } from '../files/draft.ts';
import type { OpenFile } from '../files/files.ts';
import { damaged, reading, sizeOrClosed } from '../files/reading.ts';
import { once } from '../leases/once.ts';
import type { StoreParts } from '../parts.ts';
import type { Blobs } from './contract.ts';
import { createFlights } from './flights.ts';
import { digestMismatch, sizeMismatch } from './mismatch.ts';
import { completePartial } from './partial.ts';

const chunkSize = 2 ** 20;

export function createBlobs(parts: StoreParts): Omit<Blobs, 'heal'> {
  const { files, layout, prepare, hold, onEvent } = parts;
  const settle = () => parts.settle(layout.blobs);
  const flights = createFlights<{ readonly received: number; readonly size: number }>();

  const sizeOf = (digest: Digest): number | undefined => files.stat(layout.blob(digest))?.size;

  const openFile = (digest: Digest): OpenFile => {
    const file = files.open(layout.blob(digest));
    if (file === undefined) throw blobMissing(digest);
    return file;
  };

  const stream: Blobs['stream'] = async function* (digest, { signal } = {}) {
    const file = openFile(digest);
    try {
      const hash = createHash('sha256');
      const size = file.size();
      for (let offset = 0; offset < size; ) {
        // Files are read without waiting; whatever else is under way gets its turn here.
        await turn();
        signal?.throwIfAborted();
        const buffer = Buffer.allocUnsafe(Math.min(chunkSize, size - offset));
        const count = reading(digest, file.path, () => file.read(buffer, offset));
        const chunk = buffer.subarray(0, count);
        if (chunk.length === 0) break;
        offset += chunk.length;
        hash.update(chunk);
        yield chunk;
      }
      const found = `sha256:${hash.digest('hex')}`;
      if (found !== digest) throw damaged(digest, file.path, found);
    } finally {
      file.close();
    }
  };

  return {
    size: async (digest) => sizeOf(digest),
    stream,
    async open(digest) {
      const file = openFile(digest);
      const size = sizeOrClosed(file);
      return {
        path: file.path,
        size,
        async read(offset, length) {
          const buffer = Buffer.allocUnsafe(Math.max(0, Math.min(length, size - offset)));
          const count = reading(digest, file.path, () => file.read(buffer, offset));
          return buffer.subarray(0, count);
        },
        close: async () => file.close(),
      };
    },
    async write(expected, bytes, { signal } = {}) {
      await prepare();
      await hold([expected.digest]);
      signal?.throwIfAborted();
      await withDraft(files, layout.ingest, async (draft) => {
        const hash = createHash('sha256');
        let taken = 0;
        for await (const chunk of bytes) {
          signal?.throwIfAborted();
          taken += chunk.length;
          if (taken > expected.size) {
            throw sizeMismatch(expected.digest, `more than ${expected.size}`, expected.size);
          }
          hash.update(chunk);
          draft.write(chunk);
        }
        if (taken !== expected.size) {
          throw sizeMismatch(expected.digest, `${taken}`, expected.size);
        }
        const found = `sha256:${hash.digest('hex')}`;
        if (found !== expected.digest) {
          throw digestMismatch(expected.digest, found, 'the bytes that came');
        }
        await draft.commit(layout.blob(expected.digest));
      });
      onEvent({ event: 'blob-written', digest: expected.digest, size: expected.size });
    },
    async fetch(expected, open, options = {}) {
      const { digest, size } = expected;
      await hold([digest]);
      const isDone = (): boolean => sizeOf(digest) === size;
      if (isDone()) {
        await settle();
        options.signal?.throwIfAborted();
        options.onProgress?.({ received: size, size });
        return;
      }
      await prepare();
      let last: number | undefined;
      const onProgress = (progress: { readonly received: number; readonly size: number }): void => {
        last = progress.received;
        options.onProgress?.(progress);
      };
      await flights.join(
        `${digest} ${size}`,
        async (signal, tell) => {
          const target = layout.blob(digest);
          const path = layout.partial(digest);
          let told: number | undefined;
          const tellReceived = (received: number): void => {
            if (received !== told) tell({ received, size });
            told = received;
          };
          await once(
            async () => {
              const transfer = { files, expected, path, target, open, signal, tell: tellReceived };
              await completePartial(transfer);
              onEvent({ event: 'blob-written', digest, size });
            },
            {
              files,
              lease: layout.lease('blob', digest),
              isDone,
              settle,
              signal,
              onWait: () => {
                const partial = files.stat(path);
                if (partial !== undefined) tellReceived(partial.size);
              },
            },
          );
          tellReceived(size);
        },
        { signal: options.signal, onProgress },
      );
      // Who joins when all has come and been told is told here.
      if (last !== size) onProgress({ received: size, size });
    },
    async put(bytes) {
      const digest = digestOf(bytes);
      await hold([digest]);
      if (sizeOf(digest) === bytes.length) {
        await settle();
      } else {
        await prepare();
        await writeFileWhole(files, layout.ingest, layout.blob(digest), bytes);
        onEvent({ event: 'blob-written', digest, size: bytes.length });
      }
      return digest;
    },
    async read(digest, cap) {
      const size = sizeOf(digest);
      if (size !== undefined && size > cap) {
        throw sizeMismatch(digest, `${size}`, cap, 'at most ');
      }
      const path = layout.blob(digest);
      const bytes = reading(digest, path, () => files.readWhole(path));
      if (bytes === undefined) throw blobMissing(digest);
      const found = digestOf(bytes);
      if (found !== digest) throw damaged(digest, path, found);
      return bytes;
    },
  };
}

function blobMissing(digest: Digest): StoreError {
  return new StoreError(
    'BLOB_MISSING',
    `reading the blob ${digest}: found none, wanted its bytes`,
    { digest, hint: 'pull the image again' },
  );
}
