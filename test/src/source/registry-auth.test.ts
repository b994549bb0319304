import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, request as httpRequest } from 'node:http';
import { connect as connectTo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { parseReference } from '../../../src/oci/reference.ts';
import type { Credentials } from '../../../src/source/auth/credentials.ts';
import { proxyFor } from '../../../src/source/http/proxy.ts';
import { createLimiter } from '../../../src/source/http/rate.ts';
import { createRegistryApi } from '../../../src/source/registry/api.ts';
import {
  createRegistrySource,
  type RegistryOptions,
} from '../../../src/source/registry/registry.ts';
import { mergeScopes } from '../../../src/source/registry/scope.ts';
import { createRegistrySession } from '../../../src/source/registry/session.ts';
import { verifyCredentials } from '../../../src/source/registry/verify.ts';
import { digestOf } from '../../../store/index.ts';
import { createAuthority } from '../../support/certificate.ts';
import {
  type DockerRegistryOptions,
  findProgram,
  registryUser,
  startDockerRegistry,
} from '../../support/docker-registry.ts';
import { buildImage } from '../../support/image.ts';
import { writeLayout } from '../../support/layout.ts';
import { instantPace } from '../../support/pace.ts';
import { startRegistry } from '../../support/registry/registry.ts';
import { startTokenServer, type TokenServerOptions } from '../../support/token-server.ts';

const run = promisify(execFile);
/** Nothing makes it shorter, and it is the same in each run. */
const noise = createHash('shake256', { outputLength: 3_000_000 }).digest();
const image = buildImage({ layers: [noise] });
const [{ blob, descriptor: layer } = expect.fail('no layer')] = image.layers;
const authority = createAuthority();
const { username, password } = registryUser;

const missing = ['docker-registry', 'skopeo'].filter((name) => findProgram(name) === undefined);
if (missing.length > 0) {
  console.log(`skipped: not installed (apt-get install ${missing.join(' ')})`);
}
const withPeers = describe.skipIf(missing.length > 0);

let folder = '';
const closers: (() => Promise<void>)[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'registry-auth-'));
  await writeLayout(join(folder, 'layout'), 'app', image);
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const user: Credentials = { kind: 'basic', username, password, origin: 'the test' };
const having = (credentials: Credentials | undefined): RegistryOptions => ({
  credentials: { find: async () => credentials },
});

/** A docker-registry that holds `acme/app:1`, pushed by skopeo. */
async function serve(options: DockerRegistryOptions): Promise<string> {
  const registry = await startDockerRegistry(options);
  if (registry === undefined) throw new Error('docker-registry does not run');
  closers.push(registry.close);
  const auth = Buffer.from(`${username}:${password}`).toString('base64');
  const authFile = join(folder, 'skopeo.json');
  await writeFile(authFile, JSON.stringify({ auths: { [registry.host]: { auth } } }));
  const target = `docker://${registry.host}/acme/app:1`;
  const reach = ['--dest-tls-verify=false', '--dest-cert-dir', await certDir(true)];
  const copy = ['--insecure-policy', 'copy', '--dest-authfile', authFile, ...reach];
  await run('skopeo', [...copy, `oci:${folder}/layout:app`, target]);
  return registry.host;
}

/** A folder in the layout of docker's certs.d. */
async function certDir(withClient: boolean): Promise<string> {
  const dir = await mkdtemp(join(folder, 'certs-'));
  await writeFile(join(dir, 'ca.crt'), authority.cert);
  if (withClient) {
    const { cert, key } = authority.issue();
    await writeFile(join(dir, 'client.cert'), cert);
    await writeFile(join(dir, 'client.key'), key);
  }
  return dir;
}

async function serveTokens(options: TokenServerOptions) {
  const server = await startTokenServer(options);
  closers.push(server.close);
  return server;
}

/** The digests of the manifest and the layer as they come. */
async function pull(host: string, options: RegistryOptions, from = 0) {
  const source = createRegistrySource(parseReference(`${host}/acme/app:1`), options);
  const { descriptor } = await source.resolve();
  const chunks: Uint8Array[] = [];
  for await (const chunk of source.fetch(layer, { offset: from })) chunks.push(chunk);
  return { manifest: descriptor.digest, layer: digestOf(Buffer.concat(chunks)) };
}

const whole = { manifest: image.root.digest, layer: digestOf(blob) };

const failure = (code: unknown, ...texts: readonly string[]) =>
  expect.objectContaining({
    code,
    message: expect.stringMatching(new RegExp(texts.join('.*'), 's')),
  });

async function failureOf(work: Promise<unknown>): Promise<Error & { hint?: string }> {
  return await work.then(
    () => expect.fail('it succeeded'),
    (reason: Error) => reason,
  );
}

withPeers('docker-registry with passwords', () => {
  test('is pulled from when the password is right', async () => {
    const host = await serve({ htpasswd: true });
    expect(await pull(host, having(user))).toEqual(whole);
    expect(await verifyCredentials(host, user)).toBe(true);
  });

  test('leads to an error that names what was sent and the command that helps', async () => {
    const host = await serve({ htpasswd: true });
    const wrong = { ...user, password: 'wrong-s3cret' };
    const ways = [
      { way: () => pull(host, having(wrong)), hint: `osv-convert login ${host}` },
      {
        way: () => verifyCredentials(host, wrong),
        hint: 'check the user name and the password',
      },
    ];
    for (const { way, hint } of ways) {
      const error = await failureOf(way());
      expect(error).toEqual(failure('AUTH_REQUIRED', '401', 'sent the credentials of the test'));
      expect(error.hint).toContain(hint);
      expect(JSON.stringify(error) + error.stack).not.toContain('s3cret');
    }
    const error = await failureOf(pull(host, having(undefined)));
    expect(error).toEqual(failure('AUTH_REQUIRED', `none are stored for ${host}`));
  });

  test('refuses an identity token by its code', async () => {
    const host = await serve({ htpasswd: true });
    const token: Credentials = { kind: 'identity-token', token: 's3cret', origin: 'the test' };
    const error = await failureOf(pull(host, having(token)));
    expect(error).toEqual(failure('AUTH_REQUIRED', 'identity token'));
    expect(error.message).not.toContain('s3cret');
  });
});

withPeers('docker-registry with tokens', () => {
  test('is pulled from with a password, an identity token, or by anyone', async () => {
    const tokens = await serveTokens({
      users: { [username]: password },
      identityTokens: ['identity'],
      open: ['acme/app'],
    });
    const host = await serve({ tokens });
    const identity: Credentials = { kind: 'identity-token', token: 'identity', origin: 'the test' };
    for (const [credentials, method] of [
      [user, 'GET'],
      [identity, 'POST'],
      [undefined, 'GET'],
    ] as const) {
      const before = tokens.requests.length;
      expect(await pull(host, having(credentials))).toEqual(whole);
      const asked = tokens.requests.slice(before);
      expect(asked).toEqual([
        expect.objectContaining({ method, scopes: ['repository:acme/app:pull'] }),
      ]);
      expect(asked[0]?.authorization === undefined).toBe(credentials !== user);
    }
  });

  test('is never asked anonymously in place of refused credentials', async () => {
    const tokens = await serveTokens({ users: { [username]: password }, open: ['acme/app'] });
    const host = await serve({ tokens });
    const wrong = { ...user, password: 'wrong-s3cret' };
    const error = await failureOf(pull(host, having(wrong)));
    expect(error).toEqual(
      failure(
        'AUTH_REQUIRED',
        'asking 127.0.0.1:[0-9]+ for a token',
        'incorrect credentials',
        'the test',
      ),
    );
    expect(error.hint).toContain(`osv-convert login ${host}`);
    expect(JSON.stringify(error) + error.stack).not.toContain('s3cret');
    expect(tokens.requests.at(-1)?.authorization).toBeDefined();
  });

  test('is logged in to without a scope, and refuses a wrong password', async () => {
    const tokens = await serveTokens({ users: { [username]: password } });
    const host = await serve({ tokens });
    expect(await verifyCredentials(host, user)).toBe(true);
    expect(tokens.requests.at(-1)?.scopes).toEqual([]);
    const error = await failureOf(verifyCredentials(host, { ...user, password: 'x' }));
    expect(error).toEqual(failure('AUTH_REQUIRED'));
  });

  test('shares tokens within a session, and asks beforehand when one is for more', async () => {
    const tokens = await serveTokens({ users: { [username]: password } });
    const host = await serve({ tokens });
    const before = tokens.requests.length;
    const options = { ...having(user), session: createRegistrySession() };
    await pull(host, options);
    await pull(host, options);
    expect(tokens.requests.slice(before)).toHaveLength(1);

    const api = createRegistryApi({ registry: host, repository: 'acme/app' }, options);
    const response = await api.call({
      action: 'starting an upload',
      method: 'POST',
      path: 'blobs/uploads/',
      actions: 'pull,push',
      mountFrom: 'acme/base',
      expect: [202],
      patience: api.patience(),
    });
    await response.discard();
    expect(response.status).toBe(202);
    expect(tokens.requests.slice(before + 1).map(({ scopes }) => scopes)).toEqual([
      ['repository:acme/app:pull,push', 'repository:acme/base:pull'],
    ]);
  });

  test('takes an upload whose body comes from a function', async () => {
    const tokens = await serveTokens({ users: { [username]: password } });
    const host = await serve({ tokens });
    const api = createRegistryApi({ registry: host, repository: 'acme/app' }, having(user));
    const patience = api.patience();
    const start = { action: 'starting', method: 'POST', path: 'blobs/uploads/' } as const;
    const more = { actions: 'pull,push', patience } as const;
    const started = await api.call({ ...start, ...more, expect: [202] });
    await started.discard();
    const location = new URL(started.header('location') ?? '', started.url);
    const digest = digestOf(Buffer.from('body'));
    location.searchParams.set('digest', digest);
    let sent = 0;
    const body = async function* () {
      sent += 1;
      yield Buffer.from('body');
    };
    const finished = await api.call({
      ...{ action: 'finishing', method: 'PUT', url: location, ...more, body, expect: [201] },
      headers: { 'content-length': '4', 'content-type': 'application/octet-stream' },
    });
    await finished.discard();
    expect(finished.status).toBe(201);
    expect(sent).toBe(1);
  });
});

withPeers('docker-registry over TLS', () => {
  test('is pulled from when its authority is known, over TLS to the token server too', async () => {
    const tls = authority.issue();
    const tokens = await serveTokens({ users: { [username]: password }, tls: authority.issue() });
    const host = await serve({ tls, tokens });
    const options = { ...having(user), plainHttp: false };
    const dir = await certDir(false);
    expect(await pull(host, { ...options, tls: { certDir: dir } })).toEqual(whole);
    const error = await failureOf(pull(host, options));
    expect(error).toEqual(failure('REGISTRY_TLS', 'cannot be verified'));
    expect(error.hint).toContain('--cert-dir');
  });

  test('is shown a client certificate where it wants one', async () => {
    const host = await serve({ tls: authority.issue(), clientAuthority: authority.cert });
    const options = { ...having(undefined), plainHttp: false };
    expect(await pull(host, { ...options, tls: { certDir: await certDir(true) } })).toEqual(whole);
    const without = pull(host, { ...options, tls: { certDir: await certDir(false) } });
    // The server closes the connection, and its reason may be overtaken by that.
    expect(await failureOf(without)).toEqual(
      failure(expect.stringMatching(/^REGISTRY_(TLS|UNREACHABLE)$/)),
    );
  });
});

describe('certificates', () => {
  test('are found in the user’s certs.d folder by host and port', async () => {
    const registry = await startRegistry({
      images: { 'acme/app:1': image },
      tls: authority.issue(),
    });
    closers.push(() => registry.close());
    const config = join(folder, 'config');
    const dir = join(config, 'containers/certs.d', registry.host);
    await mkdir(dir, { recursive: true });
    await writeFile(join(dir, 'ca.crt'), authority.cert);
    const options = { ...having(undefined), plainHttp: false, env: { XDG_CONFIG_HOME: config } };
    expect(await pull(registry.host, options)).toEqual(whole);
  });

  test.each([
    ['there is no such folder', undefined, 'no such folder'],
    ['a key is missing', { 'a.cert': authority.issue().cert }, 'a.key'],
    ['an authority is nonsense', { 'a.crt': '-----BEGIN CERTIFICATE-----\nx\n' }, 'cannot be used'],
  ] as const)('lead to an error that names the place when %s', async (_what, files, text) => {
    const dir = await mkdtemp(join(folder, 'broken-'));
    for (const [name, content] of Object.entries(files ?? {})) {
      await writeFile(join(dir, name), content);
    }
    const tls = { certDir: files === undefined ? join(dir, 'none') : dir };
    const error = await failureOf(pull('localhost:1', { plainHttp: false, tls }));
    expect(error).toEqual(failure('REGISTRY_TLS', text));
    expect(error.message).toContain(dir);
  });
});

test('createRegistryApi lets a caller go who aborts, and no other, while a token is had', async () => {
  const registry = await startRegistry({
    images: { 'acme/app:1': image },
    auth: { service: 'registry.test' },
  });
  closers.push(() => registry.close());
  const stop = new AbortController();
  const moments = new EventEmitter();
  const credentials = {
    find: async () => {
      setImmediate(() => moments.emit('asked'));
      await once(moments, 'found');
      return undefined;
    },
  };
  const reference = parseReference(`${registry.host}/acme/app:1`);
  const source = createRegistrySource(reference, { credentials });
  const aborted = source.resolve({ signal: stop.signal });
  await once(moments, 'asked');
  const patient = source.resolve();
  stop.abort(new Error('enough'));
  await expect(aborted).rejects.toThrowError('enough');
  moments.emit('found');
  expect((await patient).descriptor.digest).toBe(image.root.digest);
});

describe('proxies', () => {
  /** A proxy that leads every host to `target`; both ways of asking are counted. */
  async function startProxy(target: string) {
    const seen: string[] = [];
    const [host = '', port] = target.split(':');
    const server = createServer((request, response) => {
      seen.push(`${request.url} ${request.headers['proxy-authorization'] ?? ''}`.trim());
      const path = new URL(request.url ?? '').pathname;
      const onward = httpRequest({ host, port, path, headers: request.headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(response);
      });
      onward.end();
    });
    server.on('connect', (request, socket) => {
      seen.push(`CONNECT ${request.url}`);
      const onward = connectTo(Number(port), host, () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        socket.pipe(onward).pipe(socket);
      });
      onward.on('error', () => socket.destroy());
      socket.on('error', () => onward.destroy());
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    closers.push(async () => void server.close().closeAllConnections());
    const address = server.address();
    return { seen, host: `127.0.0.1:${typeof address === 'object' ? address?.port : ''}` };
  }

  test('are asked for plain HTTP without a tunnel, with the password of their URL', async () => {
    const registry = await startRegistry({ images: { 'acme/app:1': image } });
    closers.push(() => registry.close());
    const proxy = await startProxy(registry.host);
    const env = { HTTP_PROXY: `http://me:s3cret@${proxy.host}` };
    const options = { ...having(undefined), env, plainHttp: true };
    expect(await pull('registry.test', options)).toEqual(whole);
    const auth = `Basic ${Buffer.from('me:s3cret').toString('base64')}`;
    expect(proxy.seen[0]).toBe(`http://registry.test/v2/acme/app/manifests/1 ${auth}`);
    expect(registry.requests[0]?.headers['host']).toBe('registry.test');
  });

  test('are tunnelled through for TLS, and the certificate is still verified', async () => {
    const registry = await startRegistry({
      images: { 'acme/app:1': image },
      tls: authority.issue('registry.test'),
    });
    closers.push(() => registry.close());
    const proxy = await startProxy(registry.host);
    const options = {
      ...having(undefined),
      env: { https_proxy: proxy.host },
      tls: { certDir: await certDir(false) },
    };
    expect(await pull('registry.test', options)).toEqual(whole);
    expect(new Set(proxy.seen)).toEqual(new Set(['CONNECT registry.test:443']));
    const error = await failureOf(pull('other.test', options));
    expect(error).toEqual(failure('REGISTRY_TLS', 'ERR_TLS_CERT_ALTNAME_INVALID'));
    expect(proxy.seen.at(-1)).toBe('CONNECT other.test:443');
  });

  test('lead to an error by its code when they refuse', async () => {
    const proxy = createServer().on('connect', (_request, socket) => {
      socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
    });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    closers.push(async () => void proxy.close().closeAllConnections());
    const address = proxy.address();
    const port = typeof address === 'object' ? address?.port : 0;
    const env = { HTTPS_PROXY: `http://me:s3cret@127.0.0.1:${port}` };
    const error = await failureOf(pull('registry.test', { ...having(undefined), env }));
    expect(error).toEqual(failure('REGISTRY_UNREACHABLE', 'a proxy that does not let it through'));
    expect(JSON.stringify(error) + error.stack).not.toContain('s3cret');
    const nonsense = pull('registry.test', { ...having(undefined), env: { HTTPS_PROXY: 'a b' } });
    expect(await failureOf(nonsense)).toEqual(failure('USAGE', 'no URL'));
  });

  test.each([
    ['https://a.test', { HTTPS_PROXY: 'http://p:1' }, 'http://p:1'],
    ['https://a.test', { https_proxy: 'p:1', HTTPS_PROXY: 'http://q' }, 'http://p:1'],
    ['https://a.test', { HTTP_PROXY: 'http://p:1' }, undefined],
    ['http://a.test', { HTTP_PROXY: 'http://p:1' }, 'http://p:1'],
    ['http://127.0.0.1:5', { HTTP_PROXY: 'http://p:1' }, undefined],
    ['https://[::1]:5', { HTTPS_PROXY: 'http://p:1' }, undefined],
    ['http://a.test', {}, undefined],
  ])('for %s are chosen from %j', (origin, env, uri) => {
    expect(proxyFor(new URL(origin), env)).toBe(uri);
  });

  test('are not asked for what NO_PROXY names', async () => {
    const env = { HTTP_PROXY: 'http://127.0.0.1:1', NO_PROXY: '.invalid' };
    const options = { ...having(undefined), env, plainHttp: true, pace: instantPace() };
    const error = await failureOf(pull('registry.invalid', options));
    expect(error.message).toMatch(/ENOTFOUND|EAI_AGAIN/);
  });
});

describe('fetch from an offset', () => {
  test('asks for the rest only', async () => {
    const registry = await startRegistry({ images: { 'acme/app:1': image } });
    closers.push(() => registry.close());
    const got = await pull(registry.host, having(undefined), 1_000_000);
    expect(got.layer).toBe(digestOf(blob.subarray(1_000_000)));
    expect(registry.requests.at(-1)?.headers.range).toBe('bytes=1000000-');
    const before = registry.requests.length;
    expect((await pull(registry.host, having(undefined), blob.length)).layer).toBe(
      digestOf(Buffer.alloc(0)),
    );
    expect(registry.requests.length).toBe(before + 1);
  });
});

describe('createLimiter', () => {
  async function* chunks(count: number) {
    for (let n = 0; n < count; n += 1) yield Buffer.alloc(1000);
  }
  const drain = async (bytes: AsyncIterable<Uint8Array>) => {
    let size = 0;
    for await (const chunk of bytes) size += chunk.byteLength;
    return size;
  };

  test('takes the time that all bytes together need at the rate', async () => {
    const pace = instantPace();
    const limit = createLimiter(10_000, pace);
    expect(await drain(limit(chunks(10)))).toBe(10_000);
    expect(await drain(limit(chunks(10)))).toBe(10_000);
    expect(pace.now()).toBeCloseTo(2000, -2);
  });

  test('ends a wait when it is aborted', async () => {
    const stop = AbortSignal.abort(new Error('enough'));
    const limited = createLimiter(1, instantPace())(chunks(2), stop);
    await expect(drain(limited)).rejects.toThrowError('enough');
  });

  test('slows a whole pull down', async () => {
    const registry = await startRegistry({ images: { 'acme/app:1': image } });
    closers.push(() => registry.close());
    const pace = instantPace();
    expect(await pull(registry.host, { ...having(undefined), pace, limitRate: 100_000 })).toEqual(
      whole,
    );
    expect(pace.now()).toBeGreaterThan(29_000);
  });
});

test.each([
  [['r:a:pull'], ['r:a:pull'], ['r:a:pull']],
  [['r:a:pull'], ['r:a:pull,push'], ['r:a:pull,push']],
  [['r:a:pull,push'], ['r:a:pull'], ['r:a:pull,push']],
  [['r:a:push,pull'], ['r:a:pull,push'], ['r:a:pull,push']],
  [[], ['r:a:pull', 'r:b:pull'], ['r:a:pull', 'r:b:pull']],
  [['r:b:pull'], ['r:a:pull'], ['r:b:pull', 'r:a:pull']],
])('mergeScopes adds to %j of %j what is not covered', (told, needed, merged) => {
  expect(mergeScopes(told, needed)).toEqual(merged);
});
