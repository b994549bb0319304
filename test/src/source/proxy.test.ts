import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import { createHttpClient } from '../../../src/source/http/client.ts';
import { isExcepted } from '../../../src/source/http/no-proxy.ts';
import { addressOfProxy, proxyFor } from '../../../src/source/http/proxy.ts';
import { runCli } from '../../support/cli.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** A proxy for plain HTTP that answers by itself. */
async function startProxy(answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => void server.close().closeAllConnections());
  const address = server.address();
  return `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
}

async function ask(env: NodeJS.ProcessEnv): Promise<number> {
  const http = createHttpClient({ env });
  const url = new URL('http://registry.test/v2/');
  const response = await http.send({ action: 'asking', url, headers: {} }, http.patience());
  await response.discard();
  return response.status;
}

describe('isExcepted', () => {
  test.each([
    ['https://reg.acme.test', 'acme.test', true],
    ['https://reg.acme.test', '.acme.test', true],
    ['https://reg.acme.test', '*.acme.test', true],
    ['https://acme.test', '.acme.test,*.acme.test', false],
    ['https://reg.acme.test', 'ACME.test.', true],
    ['https://reg.acme.test', 'cme.test', false],
    ['https://acme.test', 'reg.acme.test', false],
    ['https://reg.acme.test', 'localhost, *', true],
    ['https://reg.acme.test', '', false],
    ['https://reg.acme.test', ',. ,*.', false],
    ['https://reg.acme.test', 'acme.test:443', true],
    ['https://reg.acme.test:5000', 'acme.test:443', false],
    ['https://reg.acme.test:5000', 'other.test acme.test:5000', true],
    ['http://10.1.2.3:5000', '10.0.0.0/8', true],
    ['http://10.1.2.3:5000', '11.0.0.0/8', false],
    ['http://10.1.2.3:5000', '10.1.2.3', true],
    ['http://10.1.2.3:5000', '10.1.2.3:80', false],
    ['http://110.1.2.3', '10.1.2.3', false],
    ['http://10.1.2.3', '2.3', false],
    ['http://10.1.2.3', '10.0.0.0/33', false],
    ['http://10.1.2.3', 'acme.test/8', false],
    ['http://10.1.2.3', '::/0', false],
    ['https://[fd00::1]:5000', 'fd00::1', true],
    ['https://[fd00::1]:5000', 'FD00:0:0::1', true],
    ['https://[fd00::1]:5000', '[fd00::1]', true],
    ['https://[fd00::1]:5000', '[fd00::1]:5000', true],
    ['https://[fd00::1]:5000', '[fd00::1]:443', false],
    ['https://[fd00::1]:5000', 'fd00::/8', true],
    ['https://[fe00::1]:5000', 'fd00::/8', false],
  ])('says of %s and NO_PROXY=%s: %s', (origin, noProxy, wanted) => {
    expect(isExcepted(new URL(origin), noProxy)).toBe(wanted);
  });
});

test('proxyFor names no proxy when NO_PROXY has a network with the server in it', () => {
  const env = { HTTPS_PROXY: 'http://proxy.test:3128', NO_PROXY: '172.16.0.0/12,10.0.0.0/8' };
  expect(proxyFor(new URL('https://10.9.8.7:5000'), env)).toBeUndefined();
  expect(proxyFor(new URL('https://11.9.8.7:5000'), env)).toBe('http://proxy.test:3128');
});

describe('HttpClient.send through a proxy', () => {
  test.each([
    ['me:50%off', 'me:50%off'],
    ['me', 'me:'],
    ['m%40e:p%3Aw', 'm@e:p:w'],
  ])('sends %s of its URL as Basic credentials', async (userInfo, wanted) => {
    const seen: (string | undefined)[] = [];
    const host = await startProxy((request, response) => {
      seen.push(request.headers['proxy-authorization']);
      response.end();
    });
    expect(await ask({ HTTP_PROXY: `http://${userInfo}@${host}` })).toBe(200);
    expect(seen).toEqual([`Basic ${Buffer.from(wanted).toString('base64')}`]);
  });

  test('is what the tool itself does', async () => {
    const seen: (string | undefined)[] = [];
    const host = await startProxy(({ url }, response) => {
      seen.push(url);
      response.writeHead(404).end();
    });
    const command = ['pull', '--plain-http', 'registry.test/acme/app:1'];
    const pulled = await runCli(command, { env: { HTTP_PROXY: `http://me:s3cret@${host}` } });
    expect(pulled.stderr).toContain('IMAGE_NOT_FOUND');
    expect(pulled.stderr).not.toContain('s3cret');
    expect(seen).toEqual(['http://registry.test/v2/acme/app/manifests/1']);
  });

  test('fails at once, by its code, when it wants other credentials', async () => {
    let asked = 0;
    const host = await startProxy((_request, response) => {
      asked += 1;
      response.writeHead(407, { 'proxy-authenticate': 'Basic realm="p"' }).end();
    });
    const error = await ask({ HTTP_PROXY: `http://me:s3cret@${host}` }).catch((e: unknown) => e);
    expect(error).toMatchObject({
      code: 'REGISTRY_UNREACHABLE',
      message: expect.stringContaining('a proxy that does not let it through'),
    });
    expect(asked).toBe(1);
  });
});

test.each(['ftp://proxy.test', 'http://a b'])('addressOfProxy refuses %s by its code', (proxy) => {
  const refused = () => addressOfProxy(proxy, new URL('https://registry.test'));
  expect(refused).toThrowError(expect.objectContaining({ code: 'USAGE' }));
});
