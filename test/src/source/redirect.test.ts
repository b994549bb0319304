import { describe, expect, test } from 'vitest';
import { follow } from '../../../src/source/http/redirect.ts';
import type { HttpRequest, HttpResponse } from '../../../src/source/http/transport.ts';
import { isLoopback, shownUrl } from '../../../src/source/http/url.ts';

/** A far end that answers each URL of `map` with a redirect, and any other with 200. */
function hops(map: Readonly<Record<string, string>>) {
  const seen: HttpRequest[] = [];
  const transport = async (request: HttpRequest): Promise<HttpResponse> => {
    seen.push(request);
    const location = map[request.url.href];
    const header = (name: string) => (name === 'location' ? location : undefined);
    return {
      url: request.url,
      status: location === undefined ? 200 : 302,
      header,
      headers: (name) => [header(name) ?? []].flat(),
      body: (async function* () {})(),
      discard: async () => undefined,
    };
  };
  return { seen, transport };
}

const start = (href: string): HttpRequest => ({
  url: new URL(href),
  headers: { authorization: 'Bearer x', accept: '*/*' },
});

describe('follow', () => {
  test('keeps Authorization within the origin and never gives it back after leaving', async () => {
    const { seen, transport } = hops({
      'https://a.test/1': '/2',
      'https://a.test/2': 'https://b.test/3',
      'https://b.test/3': 'https://a.test/4',
    });
    const response = await follow(transport, start('https://a.test/1'), 'asking');
    expect(response.url.href).toBe('https://a.test/4');
    expect(seen.map(({ headers }) => headers['authorization'])).toEqual([
      'Bearer x',
      'Bearer x',
      undefined,
      undefined,
    ]);
    expect(seen.at(-1)?.headers['accept']).toBe('*/*');
  });

  test('takes another port for another origin', async () => {
    const { seen, transport } = hops({ 'https://a.test/': 'https://a.test:444/' });
    await follow(transport, start('https://a.test/'), 'asking');
    expect(seen[1]?.headers['authorization']).toBeUndefined();
  });

  test('leaves out user and password of a Location', async () => {
    const { seen, transport } = hops({ 'https://a.test/': 'https://me:pw@b.test/' });
    await follow(transport, start('https://a.test/'), 'asking');
    expect(seen[1]?.url.href).toBe('https://b.test/');
  });

  test('refuses to step from HTTPS to HTTP, and names no secret', async () => {
    const { seen, transport } = hops({ 'https://a.test/?key=1': 'http://b.test/?signature=2' });
    await expect(follow(transport, start('https://a.test/?key=1'), 'asking')).rejects.toThrowError(
      'asking: found a redirect from https://a.test/ to plain HTTP at b.test, wanted https',
    );
    expect(seen).toHaveLength(1);
  });
});

test('shownUrl leaves out user, password, query and fragment', () => {
  expect(shownUrl(new URL('https://me:pw@a.test:1/b?c=d#e'))).toBe('https://a.test:1/b');
});

test('isLoopback knows this machine by its names and addresses', () => {
  for (const host of ['localhost', 'a.localhost', '127.0.0.1', '127.255.0.9', '::1', '[::1]']) {
    expect(isLoopback(host)).toBe(true);
  }
  for (const host of ['localhost.test', '128.0.0.1', '127.0.0.1.test', '::2', '0.0.0.0', '']) {
    expect(isLoopback(host)).toBe(false);
  }
});
