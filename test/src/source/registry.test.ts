import { createServer } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { parseDocument } from '../../../src/oci/document.ts';
import { parseReference } from '../../../src/oci/reference.ts';
import { readDocument } from '../../../src/source/document.ts';
import { createHttpClient } from '../../../src/source/http/client.ts';
import { parseChallenges } from '../../../src/source/registry/challenge.ts';
import { endpointOf } from '../../../src/source/registry/endpoint.ts';
import {
  createRegistrySource,
  type RegistryOptions,
} from '../../../src/source/registry/registry.ts';
import { requestToken } from '../../../src/source/registry/tokens.ts';
import type { Source, SourceEvent } from '../../../src/source/source.ts';
import { type Descriptor, digestOf } from '../../../store/index.ts';
import { selfSignedCertificate } from '../../support/certificate.ts';
import { descriptorOf, mediaTypes } from '../../support/descriptor.ts';
import { buildImage, buildIndex, type Image } from '../../support/image.ts';
import { buildLayer } from '../../support/layers.ts';
import { instantPace } from '../../support/pace.ts';
import type { Fault, Flaw } from '../../support/registry/faults.ts';
import { type Registry, startRegistry } from '../../support/registry/registry.ts';

/** Bytes that no compression or repetition makes shorter, the same in each run. */
function noise(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = 1;
  for (let at = 0; at < length; at += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

const layer = noise(3_000_000);
const image = buildImage({ layers: [buildLayer([], { blob: layer })] });
const { mediaType, digest: rootDigest, size } = image.root;
const layerDescriptor = blobDescriptor(layer);

function blobDescriptor(bytes: Uint8Array): Descriptor {
  return descriptorOf(mediaTypes.oci.layer, bytes);
}

/** A registry that has one more blob. */
function having(blob: Uint8Array): { readonly images: Readonly<Record<string, Image>> } {
  const blobs = new Map([...image.blobs, [digestOf(blob), blob]]);
  return { images: { 'acme/app:1.0': { ...image, blobs } } };
}

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

async function serve(
  options: Partial<Parameters<typeof startRegistry>[0]> = {},
): Promise<Registry> {
  const registry = await startRegistry({ images: { 'acme/app:1.0': image }, ...options });
  closers.push(() => registry.close());
  return registry;
}

interface Peer {
  readonly registry: Registry;
  readonly source: Source;
  readonly delays: readonly number[];
  readonly events: readonly SourceEvent[];
}

async function connect(
  serving: Parameters<typeof serve>[0] = {},
  name = 'acme/app:1.0',
  options: RegistryOptions = {},
): Promise<Peer> {
  const registry = await serve(serving);
  const pace = instantPace();
  const events: SourceEvent[] = [];
  const onEvent = (event: SourceEvent) => void events.push(event);
  const reference = parseReference(`${registry.host}/${name}`);
  const source = createRegistrySource(reference, { pace, onEvent, ...options });
  return { registry, source, delays: pace.delays, events };
}

function fault(
  on: Fault['on'],
  flaw: Flaw,
  times = Number.POSITIVE_INFINITY,
): Partial<Parameters<typeof startRegistry>[0]> {
  return { faults: [{ on, flaw, times }] };
}

const status = (code: number, more: Partial<Extract<Flaw, { kind: 'status' }>> = {}): Flaw => ({
  kind: 'status',
  status: code,
  ...more,
});

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) {
    all.push(chunk);
  }
  return Buffer.concat(all);
}

const failure = (code: string, ...texts: readonly string[]) =>
  expect.objectContaining({
    code,
    message: expect.stringMatching(new RegExp(texts.map(escaped).join('.*'), 's')),
  });
const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
const paths = (registry: Registry) => registry.requests.map(({ path }) => path);

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
    const timeouts = { connect: 1000, silence: 50 };
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

describe('tokens', () => {
  const auth = { service: 'registry.test' };

  test.each(['token', 'access_token'] as const)(
    'are taken from the member %s and used again',
    async (member) => {
      const { source, registry } = await connect({ auth: { ...auth, member } });
      await source.resolve();
      await collect(source.fetch(layerDescriptor));
      expect(paths(registry)).toEqual([
        '/v2/acme/app/manifests/1.0',
        '/token?service=registry.test&scope=repository%3Aacme%2Fapp%3Apull',
        '/v2/acme/app/manifests/1.0',
        `/v2/acme/app/blobs/${layerDescriptor.digest}`,
      ]);
    },
  );

  test('are asked for once when many requests are refused together', async () => {
    const { source, registry } = await connect({ auth });
    await Promise.all(Array.from({ length: 6 }, () => source.resolve()));
    expect(paths(registry).filter((path) => path.startsWith('/token'))).toHaveLength(1);
  });

  test('are renewed when the registry calls one expired', async () => {
    const { source, registry } = await connect({ auth: { ...auth, uses: 1 } });
    await source.resolve();
    expect(digestOf(await collect(source.fetch(layerDescriptor)))).toBe(layerDescriptor.digest);
    expect(paths(registry).filter((path) => path.startsWith('/token'))).toHaveLength(2);
  });

  test('are renewed when one expires in the middle of a blob', async () => {
    const flaw = { kind: 'drop', after: 1_500_000 } as const;
    const { source, registry } = await connect({
      auth: { ...auth, uses: 1 },
      ...fault('blob', flaw, 1),
    });
    expect(digestOf(await collect(source.fetch(layerDescriptor)))).toBe(layerDescriptor.digest);
    expect(registry.requests.at(-1)?.headers.range).toMatch(/^bytes=\d+-$/);
  });

  test('are not sent when their time is over', async () => {
    const { source, registry } = await connect({ auth: { ...auth, expiresIn: 4 } });
    await source.resolve();
    await source.resolve();
    expect(registry.requests.map(({ headers }) => headers.authorization)).toEqual([
      undefined,
      undefined,
      'Bearer token-1',
      undefined,
      'Bearer token-2',
    ]);
  });

  test('are had by the Bearer challenge when there are several', async () => {
    const challenge =
      'Basic realm="x", Bearer realm="{realm}", service="{service}", scope="{scope}"';
    const { source } = await connect({ auth: { ...auth, challenge } });
    expect((await source.resolve()).descriptor.digest).toBe(rootDigest);
  });

  test('are asked for by the repository when the challenge names no scope', async () => {
    const challenge = 'Bearer realm="{realm}", service="{service}"';
    const { source } = await connect({ auth: { ...auth, challenge } });
    expect((await source.resolve()).descriptor.digest).toBe(rootDigest);
  });

  test.each<[string, string | undefined, Flaw | undefined, string, string]>([
    [
      'the realm is missing',
      'Bearer service="{service}"',
      undefined,
      'REGISTRY_PROTOCOL',
      'no valid URL as the token realm',
    ],
    [
      'the realm is no web address',
      'Bearer realm="file:///x"',
      undefined,
      'REGISTRY_PROTOCOL',
      'token realm',
    ],
    ['the token server wants credentials', undefined, status(401), 'AUTH_REQUIRED', '401'],
    ['the token server denies access', undefined, status(403), 'ACCESS_DENIED', '403'],
    ['the token server limits the rate', undefined, status(429), 'REGISTRY_RATE_LIMITED', '429'],
    ['the token server fails', undefined, status(503), 'REGISTRY_FAILED', '503'],
    [
      'the answer is no JSON',
      undefined,
      { kind: 'body', body: 'hello' },
      'REGISTRY_PROTOCOL',
      'not JSON',
    ],
    [
      'the answer is null',
      undefined,
      { kind: 'body', body: 'null' },
      'REGISTRY_PROTOCOL',
      'found none',
    ],
    [
      'the answer has no token',
      undefined,
      { kind: 'body', body: '{"token":""}' },
      'REGISTRY_PROTOCOL',
      'found none',
    ],
    [
      'the token would break the header',
      undefined,
      { kind: 'body', body: '{"token":"a\\r\\nb: c"}' },
      'REGISTRY_PROTOCOL',
      'found none',
    ],
    [
      'the answer is huge',
      undefined,
      { kind: 'body', body: ' '.repeat(70_000) },
      'REGISTRY_PROTOCOL',
      'more than 65536',
    ],
  ])('lead to an error by its code when %s', async (_what, challenge, flaw, code, text) => {
    const { source } = await connect({
      auth: { ...auth, ...(challenge && { challenge }) },
      ...(flaw && fault('token', flaw)),
    });
    const error: unknown = await source.resolve().catch((reason: unknown) => reason);
    expect(error).toEqual(failure(code, 'acme/app', text));
    expect(String(error)).not.toContain('token-1');
  });

  test('lead to an error that names the command to type when a fresh one is refused', async () => {
    const { source, registry } = await connect({ auth: { ...auth, uses: 0 } });
    await expect(source.resolve()).rejects.toThrowError(
      expect.objectContaining({
        code: 'AUTH_REQUIRED',
        message: expect.stringContaining('UNAUTHORIZED'),
        hint: expect.stringContaining(`osv-convert login ${registry.host}`),
      }),
    );
  });

  test('are not asked for over plain HTTP when the registry has TLS', async () => {
    const { registry } = await connect();
    const [challenge] = parseChallenges(`Bearer realm="http://${registry.host}/token"`);
    const endpoint = new URL('https://registry.test');
    if (challenge === undefined) throw new Error('no challenge');
    const call = { action: 'fetching', endpoint, challenge, scopes: [], credentials: undefined };
    await expect(requestToken(createHttpClient(), call)).rejects.toThrowError(
      failure('REGISTRY_PROTOCOL', `found http://${registry.host}/token`, 'wanted an https URL'),
    );
    expect(registry.requests).toHaveLength(0);
  });
});

describe('fetch', () => {
  test('streams a blob', async () => {
    const { source } = await connect();
    expect(digestOf(await collect(source.fetch(layerDescriptor)))).toBe(layerDescriptor.digest);
  });

  test('streams an empty blob', async () => {
    const { source } = await connect(having(Buffer.alloc(0)));
    expect(await collect(source.fetch(blobDescriptor(Buffer.alloc(0))))).toHaveLength(0);
  });

  test('drops Authorization when a redirect leaves the origin', async () => {
    const { source, registry } = await connect({ auth: { service: 's' }, dataHost: true });
    await source.resolve();
    expect(digestOf(await collect(source.fetch(layerDescriptor)))).toBe(layerDescriptor.digest);
    const [asked, sent] = registry.requests.slice(-2);
    expect(asked?.headers.authorization).toMatch(/^Bearer /);
    expect(sent?.path).toContain('/data/');
    expect(sent?.headers.authorization).toBeUndefined();
  });

  test('asks the registry for a fresh address when it resumes behind a redirect', async () => {
    const { source, registry } = await connect({
      dataHost: true,
      ...fault('data', { kind: 'drop', after: 1_200_000 }, 1),
    });
    expect(digestOf(await collect(source.fetch(layerDescriptor)))).toBe(layerDescriptor.digest);
    const [first, second] = registry.requests.filter(({ path }) => path.startsWith('/data/'));
    expect(first?.path).not.toBe(second?.path);
    expect(second?.headers.range).toMatch(/^bytes=\d+-$/);
  });

  test.each<[string, readonly Flaw[], number]>([
    ['the connection breaks before the first byte', [{ kind: 'drop', after: 0 }], 2],
    ['the connection breaks in the middle', [{ kind: 'drop', after: 1_234_567 }], 2],
    ['the body is cut short and Content-Length agrees', [{ kind: 'truncate', to: 1_000_000 }], 2],
    ['there is no Content-Length', [{ kind: 'chunked' }], 1],
    ['it is sent in chunks and cut short', [{ kind: 'chunked' }, { kind: 'truncate', to: 99 }], 2],
    [
      'it is labelled with a Content-Encoding',
      [{ kind: 'headers', headers: { 'content-encoding': 'gzip' } }],
      1,
    ],
    ['the registry fails at first', [status(503)], 2],
  ])('ends with the right bytes when %s', async (_what, flaws, requests) => {
    const faults = flaws.map((flaw) => ({ on: 'blob', flaw, times: 1 }) as const);
    const { source, registry } = await connect({ faults });
    expect(digestOf(await collect(source.fetch(layerDescriptor)))).toBe(layerDescriptor.digest);
    expect(registry.requests).toHaveLength(requests);
  });

  test('reads again from the start when the server ignores the Range', async () => {
    const { source, registry } = await connect({
      faults: [
        { on: 'blob', flaw: { kind: 'drop', after: 2_000_000 }, times: 1 },
        { on: 'blob', flaw: { kind: 'ignore-range' } },
      ],
    });
    expect(digestOf(await collect(source.fetch(layerDescriptor)))).toBe(layerDescriptor.digest);
    expect(registry.requests[1]?.headers.range).toMatch(/^bytes=\d+-$/);
  });

  test('never gives up while each try brings more than a mebibyte', async () => {
    const large = noise(9_000_000);
    const { source, registry } = await connect({
      ...having(large),
      ...fault('blob', { kind: 'drop', after: 1_500_000 }, 5),
    });
    const descriptor = blobDescriptor(large);
    expect(digestOf(await collect(source.fetch(descriptor)))).toBe(descriptor.digest);
    expect(registry.requests).toHaveLength(6);
  });

  test('does not decode a gzip blob that is labelled as encoded', async () => {
    const packed = gzipSync(Buffer.from('hello'));
    const { source } = await connect({
      ...having(packed),
      ...fault('blob', { kind: 'headers', headers: { 'content-encoding': 'gzip' } }),
    });
    expect(await collect(source.fetch(blobDescriptor(packed)))).toEqual(packed);
  });

  test.each<[string, readonly Flaw[], string, string]>([
    ['the blob is missing', [status(404)], 'IMAGE_NOT_FOUND', '404'],
    [
      'the body always ends early',
      [{ kind: 'truncate', to: 10 }],
      'SIZE_MISMATCH',
      'found 30 bytes, wanted 3000000',
    ],
    [
      'Content-Length is too large',
      [{ kind: 'length', delta: 5 }],
      'SIZE_MISMATCH',
      'found 3000005 bytes or more, wanted 3000000',
    ],
    [
      'more comes than was promised',
      [{ kind: 'body', body: Buffer.alloc(3_000_001) }, { kind: 'chunked' }],
      'SIZE_MISMATCH',
      'wanted 3000000',
    ],
    [
      'the connection always breaks',
      [{ kind: 'drop', after: 0 }],
      'REGISTRY_UNREACHABLE',
      'connection broke',
    ],
    [
      'another range comes',
      [{ kind: 'drop', after: 70_000 }, { kind: 'wrong-range' }],
      'REGISTRY_PROTOCOL',
      'found a range from byte',
    ],
    [
      'a redirect leads to a login',
      [{ kind: 'redirect', location: 'http://localhost:1/' }],
      'REGISTRY_UNREACHABLE',
      'refused',
    ],
  ])('fails by its code when %s', async (_what, flaws, code, text) => {
    const { source, registry } = await connect({
      faults: flaws.map((flaw) => ({ on: 'blob', flaw }) as const),
    });
    await expect(collect(source.fetch(layerDescriptor))).rejects.toThrowError(
      failure(code, `fetching ${layerDescriptor.digest} of ${registry.host}/acme/app:1.0`, text),
    );
  });

  test.each([401, 403])(
    'tells which data host refused and how to look into it, not to log in, when that answers %i',
    async (code) => {
      const body = '{"errors":[{"code":"AccessDenied","message":"Request has expired"}]}';
      const { source, registry } = await connect({
        auth: { service: 's' },
        dataHost: true,
        ...fault('data', { kind: 'status', status: code, body }),
      });
      const error: unknown = await collect(source.fetch(layerDescriptor)).catch(
        (reason: unknown) => reason,
      );
      const { host } = new URL(registry.dataOrigin ?? '');
      expect(error).toEqual(
        failure(
          'REGISTRY_FAILED',
          `fetching ${layerDescriptor.digest}`,
          `the data host ${host} refuses the address that ${registry.host} gave us (${code}, AccessDenied: Request has expired), wanted the bytes`,
        ),
      );
      expect(error).toHaveProperty('hint', `osv-convert doctor ${registry.host}/acme/app:1.0`);
      expect(String(error)).not.toContain('signature');
    },
  );

  test('fails when the server falls silent in the middle, after trying again', async () => {
    const timeouts = { connect: 1000, silence: 100 };
    const flaw = { kind: 'stall', after: 100_000 } as const;
    const { source, delays } = await connect(fault('blob', flaw), 'acme/app:1.0', { timeouts });
    await expect(collect(source.fetch(layerDescriptor))).rejects.toThrowError(
      failure('REGISTRY_UNREACHABLE', 'of 3000000', 'silence on the connection'),
    );
    expect(delays).toHaveLength(2);
  });

  test('stops with the reason of the abort when it is aborted in the middle', async () => {
    const { source } = await connect(fault('blob', { kind: 'stall', after: 100_000 }));
    const stop = new AbortController();
    const reading = (async () => {
      for await (const _chunk of source.fetch(layerDescriptor, { signal: stop.signal })) {
        stop.abort(new Error('enough'));
      }
    })();
    await expect(reading).rejects.toThrowError('enough');
  });

  test('lets the connection go when the reader stops early', async () => {
    const { source, registry } = await connect();
    for await (const chunk of source.fetch(layerDescriptor)) {
      expect(chunk.byteLength).toBeGreaterThan(0);
      break;
    }
    expect(registry.requests).toHaveLength(1);
    expect((await source.resolve()).descriptor.digest).toBe(rootDigest);
  });
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
