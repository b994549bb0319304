import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export interface BrokenLine {
  /** `127.0.0.1:port`, in place of the server's. */
  readonly host: string;
  /** Connections that were broken. */
  broken(): number;
  close(): Promise<void>;
}

/**
 * A line to the server at `host` that breaks each of the first `times` connections that have carried
 * `after` bytes to the server: both ends see it break, when the server has them all.
 */
export async function startBrokenLine(
  host: string,
  { after, times }: { readonly after: number; readonly times: number },
): Promise<BrokenLine> {
  const [address = '', port = ''] = host.split(':');
  const sockets = new Set<Socket>();
  let broken = 0;
  const server = createServer((client) => {
    const upstream = connect(Number(port), address);
    const both = [client, upstream];
    for (const socket of both) {
      sockets.add(socket);
      socket.on('error', () => undefined).once('close', () => sockets.delete(socket));
    }
    upstream.pipe(client);
    let left = after;
    client.on('data', (chunk) => {
      left -= chunk.length;
      if (left > 0 || broken >= times) {
        upstream.write(chunk);
        return;
      }
      broken += 1;
      client.pause();
      upstream.end(chunk.subarray(0, chunk.length + left), () => client.destroy());
    });
    client.once('close', () => upstream.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const bound = server.address();
  if (bound === null || typeof bound === 'string') {
    throw new Error('startBrokenLine: it does not listen on a port');
  }
  return {
    host: `127.0.0.1:${bound.port}`,
    broken: () => broken,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
