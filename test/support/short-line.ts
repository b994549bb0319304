import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { pipeline } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';

export interface ShortLine {
  /** `127.0.0.1:port`, in place of the server's. */
  readonly host: string;
  /** Bytes that went from the server to clients. */
  carried(): number;
  /** What is on its way is lost: its reader was killed. */
  lose(): void;
  close(): Promise<void>;
}

const pieceSize = 2 ** 12;

/** Bytes on their way to all clients together. */
const windowSize = 2 ** 16;

/**
 * A line to the server at `host` that holds few bytes: it carries more when what it carried has
 * `arrived`, which counts bytes at their destination. Loopback alone would hold megabytes.
 */
export async function startShortLine(host: string, arrived: () => number): Promise<ShortLine> {
  let carried = 0;
  let lost = 0;
  const sockets = new Set<Socket>();
  const carry = async function* (bytes: AsyncIterable<Buffer>) {
    for await (const chunk of bytes) {
      for (let at = 0; at < chunk.length; at += pieceSize) {
        while (carried - lost - arrived() > windowSize) await delay(1);
        const piece = chunk.subarray(at, at + pieceSize);
        carried += piece.length;
        yield piece;
      }
    }
  };
  const server = createServer((client) => {
    const [hostname, port] = host.split(':');
    const far = connect(Number(port), hostname);
    for (const socket of [client, far]) {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
    }
    // A client that was killed ends the line, and that is all.
    pipeline(client, far, () => client.destroy());
    pipeline(far, carry, client, () => far.destroy());
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  return {
    host: `127.0.0.1:${address instanceof Object ? address.port : 0}`,
    carried: () => carried,
    lose() {
      lost = carried - arrived();
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await once(server.close(), 'close');
    },
  };
}
