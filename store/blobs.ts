import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { open, stat } from 'node:fs/promises';
import { type Digest, digestOf } from './digest.ts';
import { withDraft, writeFileWhole } from './draft.ts';
import { StoreError } from './error.ts';
import { createFlights } from './flights.ts';
import { ifPresent, storing } from './io-error.ts';
import type { Layout } from './layout.ts';
import { digestMismatch, sizeMismatch } from './mismatch.ts';
import { once } from './once.ts';
import { completePartial } from './partial.ts';
import type { Blobs, StoreEvent } from './store.ts';

const chunkSize = 2 ** 20;

/** `prepare` makes the folders of the store; it is called before the first write. */
export function createBlobs(
  layout: Layout,
  prepare: () => Promise<void>,
  onEvent: (event: StoreEvent) => void,
): Blobs {
  const flights = createFlights<{ readonly received: number; readonly size: number }>();

  const sizeOf = async (digest: Digest) => {
    const path = layout.blob(digest);
    return (await ifPresent(path, () => stat(path)))?.size;
  };

  const openBlob: Blobs['open'] = async (digest) => {
    const path = layout.blob(digest);
    const handle = await ifPresent(path, () => open(path, 'r'));
    if (handle === undefined) {
      throw blobMissing(digest);
    }
    const { size } = await storing(path, () => handle.stat());
    return {
      path,
      size,
      read: (offset, length) =>
        storing(path, async () => {
          const buffer = Buffer.allocUnsafe(Math.max(0, Math.min(length, size - offset)));
          let at = 0;
          while (at < buffer.length) {
            const { bytesRead } = await handle.read(buffer, at, buffer.length - at, offset + at);
            if (bytesRead === 0) {
              break;
            }
            at += bytesRead;
          }
          return buffer.subarray(0, at);
        }),
      close: () => handle.close(),
    };
  };

  const stream: Blobs['stream'] = async function* (digest, { signal } = {}) {
    const blob = await openBlob(digest);
    try {
      const hash = createHash('sha256');
      for (let offset = 0; offset < blob.size; ) {
        signal?.throwIfAborted();
        const chunk = await blob.read(offset, chunkSize);
        if (chunk.length === 0) {
          break;
        }
        offset += chunk.length;
        hash.update(chunk);
        yield chunk;
      }
      requireDigest(digest, `sha256:${hash.digest('hex')}`, blob.path);
    } finally {
      await blob.close();
    }
  };

  return {
    size: sizeOf,
    open: openBlob,
    stream,
    async write(expected, bytes, { signal } = {}) {
      await prepare();
      signal?.throwIfAborted();
      await withDraft(layout.ingest, async (draft) => {
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
        requireDigest(expected.digest, `sha256:${hash.digest('hex')}`, 'the bytes that came');
        await draft.commit(layout.blob(expected.digest));
      });
      onEvent({ event: 'blob-written', digest: expected.digest, size: expected.size });
    },
    async fetch(expected, open, options = {}) {
      const { digest, size } = expected;
      const isDone = async () => (await sizeOf(digest)) === size;
      if (await isDone()) {
        options.signal?.throwIfAborted();
        return;
      }
      await prepare();
      await flights.join(
        `${digest} ${size}`,
        async (signal, tell) => {
          const target = layout.blob(digest);
          const path = layout.partial(digest);
          let told: number | undefined;
          const tellReceived = (received: number) => {
            if (received !== told) tell({ received, size });
            told = received;
          };
          await once(
            async () => {
              await completePartial({ expected, path, target, open, signal, tell: tellReceived });
              onEvent({ event: 'blob-written', digest, size });
            },
            {
              lease: layout.lease('blob', digest),
              isDone,
              signal,
              onWait: async () => {
                const partial = await ifPresent(path, () => stat(path));
                if (partial !== undefined) tellReceived(partial.size);
              },
            },
          );
          tellReceived(size);
        },
        options,
      );
    },
    async put(bytes) {
      const digest = digestOf(bytes);
      if ((await sizeOf(digest)) !== bytes.length) {
        await prepare();
        await writeFileWhole(layout.ingest, layout.blob(digest), bytes);
        onEvent({ event: 'blob-written', digest, size: bytes.length });
      }
      return digest;
    },
    async read(digest, cap) {
      const found = await sizeOf(digest);
      if (found !== undefined && found > cap) {
        throw sizeMismatch(digest, `${found}`, cap, 'at most ');
      }
      const chunks: Uint8Array[] = [];
      for await (const chunk of stream(digest)) {
        chunks.push(chunk);
      }
      return Buffer.concat(chunks);
    },
  };
}

export function blobMissing(digest: Digest): StoreError {
  return new StoreError(
    'BLOB_MISSING',
    `reading the blob ${digest}: found none, wanted its bytes`,
    {
      hint: 'pull the image again',
    },
  );
}

function requireDigest(wanted: Digest, found: string, where: string): void {
  if (found !== wanted) throw digestMismatch(wanted, found, where);
}
