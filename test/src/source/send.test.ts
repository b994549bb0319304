import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import { createHttpClient, type Send } from '../../../src/source/http/client.ts';
import { verifyCredentials } from '../../../src/source/registry/verify.ts';
import { instantPace } from '../../support/pace.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

interface Answer {
  readonly status: number;
  readonly location?: string;
}

interface Asked {
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly body: string;
}

/** Gives `answers` in turn, 200 after the last; keeps what it was asked. */
async function serve(answers: readonly Answer[]) {
  const asked: Asked[] = [];
  const answer = async (request: IncomingMessage): Promise<Answer> => {
    const { status, location } = answers[asked.length] ?? { status: 200 };
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(Buffer.from(chunk));
    const { method, url: path } = request;
    asked.push({ method, path, body: Buffer.concat(chunks).toString() });
    return { status, ...(location !== undefined && { location }) };
  };
  const server = createServer((request, response) => {
    void answer(request).then(({ status, ...headers }) =>
      response.writeHead(status, headers).end(),
    );
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => void server.close().closeAllConnections());
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  return { asked, origin: `http://127.0.0.1:${port}` };
}

async function send(url: string, request: Partial<Send>): Promise<number> {
  const http = createHttpClient({ pace: instantPace() });
  const all = { action: 'sending', url: new URL(url), headers: {}, ...request };
  const response = await http.send(all, http.patience());
  await response.discard();
  return response.status;
}

const failure = (code: string, text = '') =>
  expect.objectContaining({ code, message: expect.stringContaining(text) });

describe('HttpClient.send', () => {
  const body = Buffer.from('body');

  test.each<[string, Partial<Send>, readonly number[], number]>([
    ['a POST once when the server fails', { method: 'POST', body }, [500], 1],
    ['a PATCH once when the server fails', { method: 'PATCH', body }, [503], 1],
    ['a POST again when it was turned away unread', { method: 'POST', body }, [429], 2],
    ['a repeatable POST again', { method: 'POST', body, repeatable: true }, [500, 502], 3],
    ['a PUT again', { method: 'PUT', body }, [500], 2],
    ['a DELETE again', { method: 'DELETE' }, [504], 2],
    ['a PUT once when it must not be repeated', { method: 'PUT', repeatable: false }, [500], 1],
  ])('sends %s', async (_what, request, statuses, times) => {
    const { asked, origin } = await serve(statuses.map((status) => ({ status })));
    const end = await send(origin, request).catch((error: unknown) => error);
    if (times > statuses.length) expect(end).toBe(200);
    else expect(end).toEqual(failure('REGISTRY_FAILED'));
    const wanted = { method: request.method, path: '/', body: request.body ? 'body' : '' };
    expect(asked).toEqual(Array.from({ length: times }, () => wanted));
  });

  test('asks for the body anew when it sends again', async () => {
    const { asked, origin } = await serve([{ status: 503 }]);
    let times = 0;
    const count = async function* () {
      times += 1;
      yield Buffer.from(`${times}`);
    };
    const headers = { 'content-length': '1' };
    expect(await send(origin, { method: 'PUT', body: count, headers })).toBe(200);
    expect(asked.map((each) => each.body)).toEqual(['1', '2']);
  });

  test('tries again when a POST found nobody', async () => {
    const { origin } = await serve([]);
    closers.splice(0).forEach((close) => void close());
    const pace = instantPace();
    const http = createHttpClient({ pace });
    const request = {
      action: 'sending',
      url: new URL(origin),
      headers: {},
      method: 'POST',
    } as const;
    await expect(http.send(request, http.patience())).rejects.toThrowError(
      failure('REGISTRY_UNREACHABLE', 'refused'),
    );
    expect(pace.delays).toHaveLength(2);
  });

  test('takes method and body along when a redirect says so', async () => {
    const { asked, origin } = await serve([{ status: 307, location: '/next' }]);
    expect(await send(origin, { method: 'POST', body })).toBe(200);
    expect(asked[1]).toEqual({ method: 'POST', path: '/next', body: 'body' });
  });

  test('never makes a GET of a POST', async () => {
    for (const status of [301, 302, 303]) {
      const { asked, origin } = await serve([{ status, location: '/next' }]);
      const sent = send(origin, { method: 'POST', body });
      await expect(sent).rejects.toThrowError(failure('REGISTRY_PROTOCOL', `${status}`));
      expect(asked).toHaveLength(1);
    }
  });

  test('takes no body to another origin', async () => {
    const other = await serve([]);
    const { origin } = await serve([{ status: 307, location: other.origin }]);
    await expect(send(origin, { method: 'POST', body })).rejects.toThrowError(
      failure('REGISTRY_PROTOCOL', 'a redirect of a POST to'),
    );
    expect(other.asked).toEqual([]);
  });
});

test('verifyCredentials fails by its code when the server is no registry', async () => {
  const { origin } = await serve([{ status: 404 }]);
  const credentials = { kind: 'basic', username: 'a', password: 'b', origin: 'the test' } as const;
  await expect(verifyCredentials(new URL(origin).host, credentials)).rejects.toThrowError(
    failure('REGISTRY_PROTOCOL', 'wanted a registry'),
  );
});
