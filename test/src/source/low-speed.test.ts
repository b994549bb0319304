import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createRawServer } from 'node:net';
import type { Writable } from 'node:stream';
import { setInterval } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { createHttpClient, type HttpOptions } from '../../../src/source/http/client.ts';
import { defaultLowSpeed, refuseTrickle } from '../../../src/source/http/low-speed.ts';
import { hastyPace, instantPace } from '../../support/pace.ts';

const closing: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** Takes `count` pieces of `bytes` bytes that are `seconds` apart; the taker is busy `busy` seconds with each. */
async function take(count: number, bytes: number, seconds: number, busy: number): Promise<number> {
  const pace = instantPace();
  const body = async function* () {
    for (let sent = 0; sent < count; sent += 1) {
      await pace.sleep(seconds * 1000);
      yield new Uint8Array(bytes);
    }
  };
  let taken = 0;
  for await (const chunk of refuseTrickle(body(), defaultLowSpeed, pace)) {
    taken += chunk.length;
    await pace.sleep(busy * 1000);
  }
  return taken;
}

describe('refuseTrickle', () => {
  it('ends after the time of the limit when a byte comes each second', async () => {
    await expect(take(1_000_000, 1, 1, 0)).rejects.toThrowError(
      'found 60 bytes in 60 s, wanted at least 256 a second',
    );
  });

  it('ends when a body becomes slow after a fast beginning', async () => {
    const pace = instantPace();
    const body = async function* () {
      yield new Uint8Array(10_000_000);
      for (let second = 0; second < 200; second += 1) {
        await pace.sleep(1000);
        yield new Uint8Array(1);
      }
    };
    let taken = 0;
    const taking = async () => {
      for await (const chunk of refuseTrickle(body(), defaultLowSpeed, pace)) taken += chunk.length;
    };
    await expect(taking()).rejects.toThrowError('found 60 bytes in 60 s');
    expect(taken).toBe(10_000_120);
  });

  it.each([
    ['bytes come as slowly as they may', 3600, 256, 1, 0],
    ['they come in bursts', 60, 15_360, 59, 0],
    ['the taker is slow, not the sender', 500, 1, 0, 60],
    ['no more is to come', 1, 5, 3600, 0],
  ])('lets all pass when %s', async (_when, count, bytes, seconds, busy) => {
    expect(await take(count, bytes, seconds, busy)).toBe(count * bytes);
  });

  it('counts no time when the clock is set back', async () => {
    let now = 1_000_000_000;
    const pace = { ...instantPace(), now: () => now };
    const body = async function* () {
      for (let second = 0; second < 200; second += 1) {
        now += second === 30 ? -3_600_000 : 1000;
        yield new Uint8Array(1);
      }
    };
    const taking = async () => {
      for await (const _chunk of refuseTrickle(body(), defaultLowSpeed, pace));
    };
    await expect(taking()).rejects.toThrowError('found 61 bytes in 60 s');
  });
});

describe('HttpClient.send', () => {
  async function serve(listener: RequestListener): Promise<URL> {
    const server = createServer(listener).listen(0, '127.0.0.1');
    await once(server, 'listening');
    closing.push(async () => {
      server.closeAllConnections();
      await once(server.close(), 'close');
    });
    return urlOf(server.address());
  }

  function urlOf(address: ReturnType<ReturnType<typeof createServer>['address']>): URL {
    return new URL(`http://127.0.0.1:${address instanceof Object ? address.port : 0}/`);
  }

  async function get(url: URL, options: HttpOptions = {}) {
    const http = createHttpClient({ pace: hastyPace(), ...options });
    const response = await http.send({ action: 'asking', url, headers: {} }, http.patience());
    await response.discard();
    return response;
  }

  /** Writes a byte now and then, for ever. */
  async function drip(to: Writable): Promise<void> {
    for await (const _turn of setInterval(5)) {
      if (to.destroyed) return;
      to.write('x');
    }
  }

  it('follows a redirect whose body trickles', async () => {
    const url = await serve((request, response) => {
      if (request.url !== '/') {
        response.end('there');
        return;
      }
      void drip(response.writeHead(307, { location: '/there' }));
    });
    expect(await get(url)).toMatchObject({ status: 200 });
  });

  it('tells the status when the body of an error trickles', async () => {
    const url = await serve((_request, response) => void drip(response.writeHead(404)));
    const asking = get(url, { lowSpeed: { limit: 2000, time: 50 } });
    await expect(asking).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' });
  });

  it('fails by its code when the headers trickle', async () => {
    const server = createRawServer((socket) => {
      socket.on('error', () => undefined).write('HTTP/1.1 200 OK\r\nx-padding: ');
      void drip(socket);
      closing.push(async () => socket.destroy());
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    closing.push(async () => server.close());
    const asking = get(urlOf(server.address()), { timeouts: { connect: 30_000, silence: 100 } });
    await expect(asking).rejects.toMatchObject({
      code: 'REGISTRY_UNREACHABLE',
      message: expect.stringContaining('silence on the connection'),
    });
  });
});
