import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { type Digest, digestOf } from '../../store/index.ts';

export interface BlobServer {
  /** A blob lies below it by its digest. */
  readonly origin: string;
  /** Every request so far, in order. */
  readonly requests: readonly { readonly digest: Digest; readonly offset: number }[];
  /** Bytes of bodies handed to the network so far. */
  sent(): number;
  close(): Promise<void>;
}

/** Small enough that a reader can be stopped anywhere in a blob of some megabytes. */
const pieceSize = 2 ** 14;

/** Bytes that may be on their way, where the server is told what arrived. */
const windowSize = 2 ** 16;

export interface BlobServerOptions {
  /** After so many bytes of a blob nothing more comes. */
  readonly stallAt?: number;
  /** Where the reader stands: sockets on loopback would swallow megabytes that nobody reads. */
  readonly taken?: () => number;
}

/** A server on loopback that sends blobs, from the offset of a Range on, in small pieces. */
export async function startBlobServer(
  blobs: readonly Uint8Array[],
  { stallAt = Number.POSITIVE_INFINITY, taken }: BlobServerOptions = {},
): Promise<BlobServer> {
  const byPath = new Map(blobs.map((bytes) => [`/${digestOf(bytes)}`, bytes]));
  const requests: { digest: Digest; offset: number }[] = [];
  let sent = 0;
  const send = async (response: ServerResponse, bytes: Uint8Array, offset: number) => {
    for (let at = offset; at < bytes.length && !response.destroyed; at += pieceSize) {
      if (at >= stallAt) return;
      while (taken !== undefined && at - taken() > windowSize && !response.destroyed) {
        await new Promise(setImmediate);
      }
      const piece = bytes.subarray(at, at + pieceSize);
      sent += piece.length;
      await new Promise((resolve) => response.write(piece, resolve));
      await new Promise(setImmediate);
    }
    response.end();
  };
  const server = createServer((request, response) => {
    const bytes = byPath.get(request.url ?? '');
    if (bytes === undefined) {
      response.writeHead(404).end();
      return;
    }
    const offset = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    requests.push({ digest: digestOf(bytes), offset });
    response.writeHead(offset > 0 ? 206 : 200, { 'content-length': bytes.length - offset });
    void send(response, bytes, offset);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  const port = address instanceof Object ? address.port : 0;
  return {
    origin: `http://127.0.0.1:${port}`,
    requests,
    sent: () => sent,
    async close() {
      server.closeAllConnections();
      await once(server.close(), 'close');
    },
  };
}
