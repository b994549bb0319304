import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Image } from '../image.ts';
import { type Answer, errorAnswer, send } from './answer.ts';
import { createContents } from './contents.ts';
import { createFaults, type Endpoint, type Fault } from './faults.ts';
import { referrersAnswer, tagsAnswer } from './lists.ts';
import { createTokens, type TokenAuth } from './token.ts';
import { createUploads, type UploadOptions } from './uploads.ts';

export interface RegistryOptions {
  /** By their names, `REPOSITORY:TAG`. Blobs are in the repositories of their images only. */
  readonly images: Readonly<Record<string, Image>>;
  readonly uploads?: UploadOptions;
  /** False: it knows no referrers API, only tags. */
  readonly referrers?: boolean;
  /** Tags or referrers to a page. */
  readonly pageSize?: number;
  /** Every request for an image needs a bearer token of the token server at `/token`. */
  readonly auth?: TokenAuth;
  /** Blobs are redirected to a second origin, which refuses any request with Authorization. */
  readonly dataHost?: boolean;
  readonly faults?: readonly Fault[];
  /** PEM key and certificate: HTTPS in place of plain HTTP. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

export interface LoggedRequest {
  readonly method: string;
  /** `host:port` of the server that was asked. */
  readonly host: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
}

export interface Registry {
  /** `127.0.0.1:port`, as it stands in a reference. */
  readonly host: string;
  /** Origin of the second server, when there is one. */
  readonly dataOrigin: string | undefined;
  /** Every request so far, in order. */
  readonly requests: readonly LoggedRequest[];
  close(): Promise<void>;
}

const routes: readonly (readonly [Endpoint, RegExp])[] = [
  ['ping', /^\/v2\/()()$/],
  ['upload', /^\/v2\/(.+)\/blobs\/uploads\/([^/]*)$/],
  ['manifest', /^\/v2\/(.+)\/manifests\/([^/]+)$/],
  ['blob', /^\/v2\/(.+)\/blobs\/([^/]+)$/],
  ['tags', /^\/v2\/(.+)\/tags\/list()$/],
  ['referrers', /^\/v2\/(.+)\/referrers\/([^/]+)$/],
];

/** A registry on loopback that holds `images`, takes others, and goes wrong on demand. */
export async function startRegistry(options: RegistryOptions): Promise<Registry> {
  const requests: LoggedRequest[] = [];
  const strike = createFaults(options.faults ?? []);
  const contents = createContents(options.images);
  const scheme = options.tls === undefined ? 'http' : 'https';
  const tokens = options.auth === undefined ? undefined : createTokens(options.auth);
  const { referrers = true, pageSize = 100 } = options;
  let host = '';
  let dataHost: string | undefined;
  const origin = () => `${scheme}://${host}`;
  const uploads = createUploads(contents, options.uploads ?? {}, origin);

  const log = (request: IncomingMessage, at: string) => {
    const { method = '', url = '', headers } = request;
    requests.push({ method, host: at, path: url, headers });
  };

  function answerOf(
    request: IncomingMessage,
    url: URL,
    endpoint: Endpoint | undefined,
    repository: string,
    name: string,
    body: Buffer,
  ): Answer {
    switch (endpoint) {
      case 'ping':
        return { status: 200, body: Buffer.from('{}') };
      case 'upload':
        return uploads.handle(request, url, repository, name, body);
      case 'manifest':
        return request.method === 'PUT'
          ? takeManifest(request, repository, name, body)
          : contents.manifest(repository, name);
      case 'blob':
        return dataHost === undefined || request.method === 'HEAD'
          ? contents.blob(repository, name)
          : redirectTo(`http://${dataHost}/data/${name}?signature=secret-${requests.length}`);
      case 'tags':
        return tagsAnswer(contents, url, repository, pageSize);
      case 'referrers':
        return referrers
          ? referrersAnswer(contents, url, repository, name, pageSize)
          : errorAnswer(404, 'NOT_FOUND', 'page not found');
      default:
        return errorAnswer(404, 'NAME_UNKNOWN', 'repository name not known to registry');
    }
  }

  function takeManifest(
    request: IncomingMessage,
    repository: string,
    name: string,
    body: Buffer,
  ): Answer {
    const { config, layers = [], subject } = JSON.parse(body.toString());
    for (const { digest } of [...(config ? [config] : []), ...layers]) {
      if (contents.blobBytes(repository, digest) === undefined) {
        return errorAnswer(400, 'MANIFEST_BLOB_UNKNOWN', `blob unknown to registry: ${digest}`);
      }
    }
    const mediaType = request.headers['content-type'] ?? '';
    const digest = contents.putManifest(repository, name, mediaType, body);
    const headers = {
      location: `/v2/${repository}/manifests/${digest}`,
      'docker-content-digest': digest,
      ...(referrers && subject && { 'oci-subject': subject.digest }),
    };
    return { status: 201, headers, body: Buffer.alloc(0) };
  }

  const registry = await listen(options.tls, async (request, response) => {
    log(request, host);
    const url = new URL(request.url ?? '', origin());
    const method = request.method ?? '';
    if (tokens !== undefined && url.pathname === '/token') {
      send(request, response, tokens.grant(url), strike('token', url.pathname, method));
      return;
    }
    const [endpoint, pattern] = routes.find(([, route]) => route.test(url.pathname)) ?? [];
    const [, repository = '', name = ''] = pattern?.exec(url.pathname) ?? [];
    const refusal = tokens?.refuse(request, `${origin()}/token`, repository);
    if (refusal !== undefined) {
      send(request, response, refusal, []);
      return;
    }
    const flaws = endpoint === undefined ? [] : strike(endpoint, url.pathname, method);
    const limit = flaws.find((flaw) => flaw.kind === 'break-upload')?.after;
    const body = await readBody(request, limit).catch(() => undefined);
    if (body === undefined) return; // The client broke off.
    if (limit !== undefined) {
      uploads.keep(name, body);
      request.socket.destroy();
      return;
    }
    // A request that is refused leaves no trace.
    const struck = flaws.some(({ kind }) => kind === 'status' || kind === 'redirect');
    const answer = struck
      ? { status: 200, body: Buffer.alloc(0) }
      : answerOf(request, url, endpoint, repository, name, body);
    send(request, response, answer, flaws);
  });
  host = addressOf(registry);

  const data = options.dataHost
    ? await listen(undefined, (request, response) => {
        log(request, dataHost ?? '');
        const path = new URL(request.url ?? '', `http://${dataHost}`).pathname;
        const answer =
          request.headers.authorization === undefined
            ? contents.blob(undefined, path.slice('/data/'.length))
            : errorAnswer(400, 'InvalidArgument', 'Only one auth mechanism allowed');
        send(request, response, answer, strike('data', path, request.method));
      })
    : undefined;
  dataHost = data === undefined ? undefined : addressOf(data);

  return {
    host,
    dataOrigin: dataHost === undefined ? undefined : `http://${dataHost}`,
    requests,
    async close() {
      await Promise.all([registry, ...(data ? [data] : [])].map(stop));
    },
  };
}

function redirectTo(location: string): Answer {
  return { status: 307, headers: { location }, body: Buffer.alloc(0) };
}

/** The body of a request, or as much of it as `limit` bytes. */
async function readBody(request: IncomingMessage, limit?: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    chunks.push(chunk);
    size += chunk.length;
    if (limit !== undefined && size >= limit) break;
  }
  return Buffer.concat(chunks).subarray(0, limit);
}

async function listen(tls: RegistryOptions['tls'], listener: RequestListener): Promise<Server> {
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  return server;
}

function addressOf(server: Server): string {
  const address = server.address();
  if (address === null || typeof address === 'string') {
    throw new Error('addressOf: the server does not listen on a port');
  }
  return `127.0.0.1:${address.port}`;
}

async function stop(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  server.closeAllConnections();
  await closed;
}
