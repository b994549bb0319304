import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { documentsOf, type Image } from '../image.ts';
import { type Answer, errorAnswer, send } from './answer.ts';
import { createFaults, type Fault } from './faults.ts';
import { createTokens, type TokenAuth } from './token.ts';

export interface RegistryOptions {
  /** By their names, `REPOSITORY:TAG`. */
  readonly images: Readonly<Record<string, Image>>;
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

const notFound = errorAnswer(404, 'NAME_UNKNOWN', 'repository name not known to registry');

/** A registry on loopback that serves `images` and nothing else, and goes wrong on demand. */
export async function startRegistry(options: RegistryOptions): Promise<Registry> {
  const requests: LoggedRequest[] = [];
  const strike = createFaults(options.faults ?? []);
  const contents = indexContents(options.images);
  const scheme = options.tls === undefined ? 'http' : 'https';
  const tokens = options.auth === undefined ? undefined : createTokens(options.auth);
  let host = '';
  let dataHost: string | undefined;

  const log = (request: IncomingMessage, at: string) => {
    const { method = '', url = '', headers } = request;
    requests.push({ method, host: at, path: url, headers });
  };

  const registry = await listen(options.tls, (request, response) => {
    log(request, host);
    const url = new URL(request.url ?? '', `${scheme}://${host}`);
    const reply = (answer: Answer, flaws: ReturnType<typeof strike>) =>
      send(request, response, answer, flaws);
    if (tokens !== undefined && url.pathname === '/token') {
      reply(tokens.grant(url), strike('token', url.pathname));
      return;
    }
    const found = /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(url.pathname);
    const repository = found?.[1] ?? '';
    const name = found?.[3] ?? '';
    const endpoint = found?.[2] === 'manifests' ? 'manifest' : 'blob';
    const refusal = tokens?.refuse(request, `${scheme}://${host}/token`, repository);
    if (refusal !== undefined) {
      reply(refusal, []);
      return;
    }
    const flaws = strike(endpoint, url.pathname);
    if (found === null) {
      reply(url.pathname === '/v2/' ? { status: 200, body: Buffer.from('{}') } : notFound, flaws);
    } else if (endpoint === 'manifest') {
      reply(contents.manifest(repository, name), flaws);
    } else if (dataHost !== undefined) {
      const location = `http://${dataHost}/data/${name}?signature=secret-${requests.length}`;
      reply({ status: 307, headers: { location }, body: Buffer.alloc(0) }, flaws);
    } else {
      reply(contents.blob(name), flaws);
    }
  });
  host = addressOf(registry);

  const data = options.dataHost
    ? await listen(undefined, (request, response) => {
        log(request, dataHost ?? '');
        const path = new URL(request.url ?? '', `http://${dataHost}`).pathname;
        const answer =
          request.headers.authorization === undefined
            ? contents.blob(path.slice('/data/'.length))
            : errorAnswer(400, 'InvalidArgument', 'Only one auth mechanism allowed');
        send(request, response, answer, strike('data', path));
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

function indexContents(images: RegistryOptions['images']) {
  const manifests = new Map<string, Answer>();
  const blobs = new Map<string, Answer>();
  for (const [name, image] of Object.entries(images)) {
    const [repository, tag] = name.split(':');
    for (const { mediaType, digest } of documentsOf(image)) {
      const headers = { 'content-type': mediaType, 'docker-content-digest': digest };
      const answer = { status: 200, headers, body: image.blobs.get(digest) ?? Buffer.alloc(0) };
      for (const key of digest === image.root.digest ? [digest, tag] : [digest]) {
        manifests.set(`${repository}/${key}`, answer);
      }
    }
    for (const [digest, body] of image.blobs) {
      const headers = { 'content-type': 'application/octet-stream' };
      blobs.set(digest, { status: 200, headers, body });
    }
  }
  return {
    manifest: (repository: string, name: string) =>
      manifests.get(`${repository}/${name}`) ??
      errorAnswer(404, 'MANIFEST_UNKNOWN', 'manifest unknown'),
    blob: (digest: string) =>
      blobs.get(digest) ?? errorAnswer(404, 'BLOB_UNKNOWN', 'blob unknown to registry'),
  };
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
