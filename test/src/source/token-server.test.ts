import { once } from 'node:events';
import { createServer } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { parseReference } from '../../../src/oci/reference.ts';
import { createRegistrySource } from '../../../src/source/registry/registry.ts';

let close = () => {};
afterEach(() => close());

test('resolve does not say that the image is missing when the token server is', async () => {
  const server = createServer((request, response) => {
    const realm = `http://${request.headers.host}/no-such-page?secret=s3cret`;
    if (request.url?.startsWith('/v2/')) {
      response.writeHead(401, { 'www-authenticate': `Bearer realm="${realm}"` }).end();
    } else response.writeHead(404).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  close = () => void server.close().closeAllConnections();
  const address = server.address();
  const host = `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  const credentials = { find: async () => undefined };
  const resolving = createRegistrySource(parseReference(`${host}/acme/app:1`), { credentials });
  await expect(resolving.resolve()).rejects.toMatchObject({
    code: 'REGISTRY_PROTOCOL',
    message: expect.stringMatching(/found nothing at http:\/\/[\d.:]+\/no-such-page \(404\)/),
  });
});
