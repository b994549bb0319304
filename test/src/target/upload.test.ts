import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import { parseReference } from '../../../src/oci/reference.ts';
import { createRegistryApi } from '../../../src/source/registry/api.ts';
import { createRegistrySource } from '../../../src/source/registry/registry.ts';
import { createRegistryWriter } from '../../../src/target/registry.ts';
import { digestOf } from '../../../store/index.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function startServer(answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => void server.close().closeAllConnections());
  const address = server.address();
  return `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
}

const bytes = Buffer.from('a layer');
const blob = { mediaType: 'application/octet-stream', digest: digestOf(bytes), size: bytes.length };
const credentials = { find: async () => undefined };
const retry = { tries: 1, firstDelay: 1, longestDelay: 1, budget: 1 };

async function* open() {
  yield bytes;
}

const lineOf = ({ method, url }: IncomingMessage) => `${method} ${url?.replace(/\?.*/, '')}`;

describe('with a registry that takes its time', () => {
  const options = { credentials, retry, timeouts: { connect: 1000, silence: 600 } };
  // undici looks at its clock once a second or so.
  const late = 2000;

  test('putBlob waits for it to make a blob of what was uploaded', async () => {
    const seen: string[] = [];
    const host = await startServer((request, response) => {
      seen.push(lineOf(request));
      request.resume();
      if (request.method === 'HEAD') response.writeHead(404).end();
      else if (request.method === 'POST') {
        response.writeHead(202, { location: '/v2/acme/app/blobs/uploads/1' }).end();
      } else setTimeout(() => response.writeHead(201).end(), late);
    });
    const api = createRegistryApi({ registry: host, repository: 'acme/app' }, options);
    expect(await createRegistryWriter(api).putBlob(blob, open)).toBe('uploaded');
    expect(seen.at(-1)).toBe('PUT /v2/acme/app/blobs/uploads/1');
  });

  test('fetch waits for it to get a blob from elsewhere', async () => {
    const host = await startServer((_request, response) => {
      setTimeout(() => response.end(bytes), late);
    });
    const source = createRegistrySource(parseReference(`${host}/acme/app:1`), options);
    const chunks: Uint8Array[] = [];
    for await (const chunk of source.fetch(blob)) chunks.push(chunk);
    expect(Buffer.concat(chunks)).toEqual(bytes);
  });
});

test('putBlob goes on with the upload that a registry begins in place of a mount', async () => {
  const seen: string[] = [];
  const host = await startServer((request, response) => {
    seen.push(lineOf(request));
    request.resume();
    if (request.method === 'HEAD') response.writeHead(404).end();
    else if (request.method === 'POST') {
      response.writeHead(202, { location: '/v2/acme/app/blobs/uploads/1?state=a' }).end();
    } else response.writeHead(201).end();
  });
  const api = createRegistryApi({ registry: host, repository: 'acme/app' }, { credentials });
  const end = await createRegistryWriter(api).putBlob(blob, open, { mountFrom: 'acme/base' });
  expect(end).toBe('uploaded');
  const at = '/v2/acme/app/blobs/uploads/';
  expect(seen.slice(1)).toEqual([`POST ${at}`, `PUT ${at}1`]);
});
