import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { parseDocument } from '../../../src/oci/document.ts';
import { parseReference } from '../../../src/oci/reference.ts';
import { readDocument } from '../../../src/source/document.ts';
import { endpointOf } from '../../../src/source/registry/endpoint.ts';
import {
  createRegistrySource,
  type RegistryOptions,
} from '../../../src/source/registry/registry.ts';
import { digestOf } from '../../../store/index.ts';
import { selfSignedCertificate } from '../../support/certificate.ts';
import { mediaTypes } from '../../support/descriptor.ts';
import { buildIndex } from '../../support/image.ts';
import { instantPace } from '../../support/pace.ts';
import { startRegistry } from '../../support/registry/registry.ts';
import {
  closers,
  connect,
  failure,
  fault,
  image,
  layerDescriptor,
  mediaType,
  rootDigest,
  serve,
  size,
  status,
} from './registry-peer.ts';

describe('resolve', () => {
  test('returns the manifest behind a tag and behind a digest', async () => {
    for (const name of ['acme/app:1.0', `acme/app@${rootDigest}`, `acme/app:2@${rootDigest}`]) {
      const { source } = await connect({}, name);
      const { descriptor, bytes } = await source.resolve();
      expect(descriptor).toEqual({ mediaType, digest: rootDigest, size });
      expect(digestOf(bytes)).toBe(rootDigest);
    }
  });

  test('asks for every media type it reads and for no encoding', async () => {
    const { source, registry } = await connect();
    await source.resolve();
    const headers = registry.requests[0]?.headers;
    for (const types of [mediaTypes.oci, mediaTypes.docker]) {
      expect(headers?.accept).toContain(types.index);
      expect(headers?.accept).toContain(types.manifest);
    }
    expect(headers?.['accept-encoding']).toBe('identity');
    expect(headers?.authorization).toBeUndefined();
  });

  test('leads from an index to a manifest', async () => {
    const index = buildIndex([image], { docker: true });
    const { source } = await connect({ images: { 'acme/app:all': index } }, 'acme/app:all');
    const { descriptor, bytes } = await source.resolve();
    const document = await parseDocument(bytes, descriptor.mediaType);
    const child = document.kind === 'index' ? document.index.manifests[0] : undefined;
    expect(child && digestOf(await readDocument(source, child))).toBe(rootDigest);
  });

  test.each(['application/json', 'text/plain; charset=utf-8', ''])(
    'takes the media type from the document when the registry says %j',
    async (type) => {
      const headers = { 'content-type': type };
      const { source } = await connect(fault('manifest', { kind: 'headers', headers }));
      expect((await source.resolve()).descriptor.mediaType).toBe(mediaType);
    },
  );

  test.each<[string, Partial<Parameters<typeof startRegistry>[0]>, string, readonly string[]]>([
    ['the tag is unknown', {}, 'IMAGE_NOT_FOUND', ['404', 'MANIFEST_UNKNOWN: manifest unknown']],
    [
      'it answers 401 without a challenge',
      fault('manifest', status(401)),
      'REGISTRY_PROTOCOL',
      ['WWW-Authenticate'],
    ],
    [
      'it wants a password',
      fault('manifest', status(401, { headers: { 'www-authenticate': 'Basic realm="x"' } })),
      'AUTH_REQUIRED',
      ['basic credentials'],
    ],
    ['it answers 403', fault('manifest', status(403)), 'ACCESS_DENIED', ['403']],
    [
      'it answers 404 with a page',
      fault('manifest', status(404, { body: '<html>' })),
      'IMAGE_NOT_FOUND',
      ['(404)'],
    ],
    ['it answers 429', fault('manifest', status(429)), 'REGISTRY_RATE_LIMITED', ['429']],
    ['it answers 500', fault('manifest', status(500)), 'REGISTRY_FAILED', ['500']],
    ['it answers 418', fault('manifest', status(418)), 'REGISTRY_PROTOCOL', ['418']],
    ['it sends a page', fault('manifest', { kind: 'body', body: '<html>' }), 'DIGEST_MISMATCH', []],
    [
      'it sends a page of that type',
      fault('manifest', status(200, { headers: { 'content-type': 'text/html' }, body: '<html>' })),
      'REGISTRY_PROTOCOL',
      ['"text/html"'],
    ],
    [
      'the bytes are not those of the digest it tells',
      fault('manifest', { kind: 'corrupt' }),
      'DIGEST_MISMATCH',
      [rootDigest],
    ],
    [
      'the manifest is cut short',
      fault('manifest', { kind: 'truncate', to: 9 }),
      'DIGEST_MISMATCH',
      [rootDigest],
    ],
    [
      'the manifest is huge',
      fault('manifest', { kind: 'body', body: Buffer.alloc(4 * 1024 * 1024 + 1, 32) }),
      'REGISTRY_PROTOCOL',
      ['more than 4194304 bytes'],
    ],
    [
      'the connection breaks',
      fault('manifest', { kind: 'drop', after: 10 }),
      'REGISTRY_UNREACHABLE',
      ['connection broke'],
    ],
    [
      'redirects go round',
      fault('manifest', { kind: 'redirect', location: '/v2/acme/app/manifests/1.0?secret=1' }),
      'REGISTRY_PROTOCOL',
      ['more than 5 redirects'],
    ],
    [
      'a redirect leads nowhere',
      fault('manifest', status(307)),
      'REGISTRY_PROTOCOL',
      ['without a valid Location'],
    ],
    [
      'a redirect leads to a file',
      fault('manifest', { kind: 'redirect', location: 'file:///etc/passwd' }),
      'REGISTRY_PROTOCOL',
      ['file:'],
    ],
  ])('fails by its code when %s', async (what, serving, code, texts) => {
    const name = what === 'the tag is unknown' ? 'acme/app:0' : 'acme/app:1.0';
    const { source, registry } = await connect(serving, name);
    const error: unknown = await source.resolve().catch((reason: unknown) => reason);
    expect(error).toEqual(
      failure(
        code,
        `fetching the manifest of ${registry.host}/${name} from ${registry.host}`,
        ...texts,
      ),
    );
    expect(String(error)).not.toContain('secret');
  });

  test('fails when the digest of the reference is not that of the bytes', async () => {
    const body = { kind: 'body', body: '{}' } as const;
    const { source } = await connect(fault('manifest', body), `acme/app@${rootDigest}`);
    await expect(source.resolve()).rejects.toThrowError(failure('DIGEST_MISMATCH', rootDigest));
  });

  test('shows the words of the registry without control characters and shortened', async () => {
    const body = JSON.stringify({
      errors: [{ code: 'DENIED', message: `\u001b[31mno\n\u202eentry ${'x'.repeat(999)}` }],
    });
    const { source } = await connect(fault('manifest', status(403, { body })));
    const error: unknown = await source.resolve().catch((reason: unknown) => reason);
    expect(error).toEqual(failure('ACCESS_DENIED', 'DENIED:  [31mno entry xxx', '…)'));
    expect(String(error).length).toBeLessThan(400);
  });

  test.each([408, 425, 429, 500, 502, 503, 504])('tries again after %i', async (code) => {
    const { source, delays, events } = await connect(fault('manifest', status(code), 2));
    await source.resolve();
    expect(delays).toEqual([375, 750]);
    expect(events).toHaveLength(2);
  });

  test('waits as long as Retry-After says, and gives up at once when that is too long', async () => {
    const limited = (seconds: string) =>
      fault('manifest', status(429, { headers: { 'retry-after': seconds } }), 1);
    const short = await connect(limited('7'));
    await short.source.resolve();
    expect(short.delays).toEqual([7000]);
    const long = await connect(limited('3600'));
    await expect(long.source.resolve()).rejects.toThrowError(
      failure('REGISTRY_RATE_LIMITED', 'in 3600 s'),
    );
    expect(long.delays).toEqual([]);
  });

  test('asks again when the connection broke in the middle of the manifest', async () => {
    const { source, registry } = await connect(fault('manifest', { kind: 'drop', after: 10 }, 1));
    expect((await source.resolve()).descriptor.digest).toBe(rootDigest);
    expect(registry.requests).toHaveLength(2);
  });

  test('stops with the reason of the abort when it is aborted', async () => {
    const { source, registry } = await connect();
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(source.resolve({ signal })).rejects.toThrowError('enough');
    expect(registry.requests).toHaveLength(0);
  });
});

describe('resolve without a registry', () => {
  const pace = instantPace();
  const from = (host: string, options: RegistryOptions = {}) =>
    createRegistrySource(parseReference(`${host}/acme/app`), { pace, ...options }).resolve();

  test('fails by its code when nobody listens, and names the host', async () => {
    const registry = await startRegistry({ images: {} });
    await registry.close();
    await expect(from(registry.host)).rejects.toThrowError(
      failure('REGISTRY_UNREACHABLE', registry.host, 'connection refused (ECONNREFUSED)'),
    );
  });

  test('fails by its code when there is no such host', async () => {
    await expect(from('registry.invalid')).rejects.toThrowError(
      failure('REGISTRY_UNREACHABLE', 'registry.invalid'),
    );
  });

  test('fails by its code when the server says nothing', async () => {
    const server = await listen(() => undefined);
    const timeouts = { connect: 30_000, silence: 50 };
    await expect(from(server, { timeouts })).rejects.toThrowError(
      failure('REGISTRY_UNREACHABLE', 'silence on the connection'),
    );
  });

  test('fails by its code when the answer is not HTTP', async () => {
    const server = await listen((socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n'));
    await expect(from(server)).rejects.toThrowError(failure('REGISTRY_PROTOCOL', 'not HTTP'));
  });

  test('fails by its code when the headers do not end', async () => {
    const server = await listen((socket) =>
      socket.write(`HTTP/1.1 200 OK\r\nx: ${'x'.repeat(100_000)}`),
    );
    await expect(from(server)).rejects.toThrowError(failure('REGISTRY_PROTOCOL'));
  });

  test("says how to trust it when the certificate is nobody's", async () => {
    const registry = await serve({ tls: selfSignedCertificate() });
    await expect(from(registry.host, { plainHttp: false })).rejects.toThrowError(
      expect.objectContaining({
        code: 'REGISTRY_TLS',
        message: expect.stringContaining('DEPTH_ZERO_SELF_SIGNED_CERT'),
        hint: expect.stringContaining('NODE_EXTRA_CA_CERTS'),
      }),
    );
  });

  test('says how to go without TLS when the server speaks plain HTTP', async () => {
    const registry = await serve();
    await expect(from(registry.host, { plainHttp: false })).rejects.toThrowError(
      expect.objectContaining({
        code: 'REGISTRY_TLS',
        hint: expect.stringContaining('--plain-http'),
      }),
    );
  });

  test('says what is wanted when the server speaks TLS only', async () => {
    const body = 'Client sent an HTTP request to an HTTPS server.\n';
    const headers = { 'content-type': 'text/plain' };
    const registry = await serve(fault('manifest', status(400, { headers, body })));
    await expect(from(registry.host)).rejects.toThrowError(failure('REGISTRY_TLS', 'TLS only'));
  });

  async function listen(onConnect: (socket: import('node:net').Socket) => void): Promise<string> {
    const server = createServer((socket) => {
      socket.on('error', () => undefined).resume();
      onConnect(socket);
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    closers.push(() => new Promise((resolve) => void server.close(() => resolve())));
    const address = server.address();
    return `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  }
});

describe('readDocument', () => {
  test('refuses bytes of another digest', async () => {
    const { source } = await connect(fault('blob', { kind: 'corrupt' }));
    await expect(readDocument(source, image.config)).rejects.toThrowError(
      failure('DIGEST_MISMATCH', image.config.digest),
    );
  });

  test('asks for nothing when the size is above the cap', async () => {
    const { source, registry } = await connect();
    const descriptor = { ...layerDescriptor, size: 5_000_000 };
    await expect(readDocument(source, descriptor)).rejects.toThrowError(
      failure('MANIFEST_INVALID', '5000000'),
    );
    expect(registry.requests).toHaveLength(0);
  });
});

test.each([
  ['nginx', undefined, 'https://registry-1.docker.io/'],
  ['mcr.microsoft.com/dotnet/runtime', undefined, 'https://mcr.microsoft.com/'],
  ['localhost/app', undefined, 'http://localhost/'],
  ['app.localhost:5000/app', undefined, 'http://app.localhost:5000/'],
  ['127.1.2.3:5000/app', undefined, 'http://127.1.2.3:5000/'],
  ['[::1]:5000/app', undefined, 'http://[::1]:5000/'],
  ['127.0.0.1.example.com/app', undefined, 'https://127.0.0.1.example.com/'],
  ['[2001:db8::1]/app', undefined, 'https://[2001:db8::1]/'],
  ['example.com/app', true, 'http://example.com/'],
  ['localhost:5000/app', false, 'https://localhost:5000/'],
])('endpointOf leads %s with plainHttp %s to %s', (name, plainHttp, url) => {
  expect(endpointOf(parseReference(name), plainHttp).href).toBe(url);
});
