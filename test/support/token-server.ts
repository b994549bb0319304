import { randomUUID, sign } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type Certificate, createAuthority } from './certificate.ts';

export interface TokenServerOptions {
  /** Passwords by user name; a user may do anything. */
  readonly users?: Readonly<Record<string, string>>;
  /** Identity tokens that are good; who has one may do anything. */
  readonly identityTokens?: readonly string[];
  /** Repositories that anyone may pull. */
  readonly open?: readonly string[];
  /** Seconds a token is good for; 300 unless given. */
  readonly lifetime?: number;
  readonly tls?: Certificate;
}

export interface TokenRequest {
  readonly method: string;
  readonly scopes: readonly string[];
  readonly authorization: string | undefined;
  /** Of a POST. */
  readonly form: URLSearchParams;
}

export interface TokenServer {
  readonly realm: string;
  readonly service: string;
  readonly issuer: string;
  /** PEM of the certificate whose key signs the tokens. */
  readonly certificate: string;
  readonly requests: readonly TokenRequest[];
  close(): Promise<void>;
}

interface Access {
  readonly type: string;
  readonly name: string;
  readonly actions: readonly string[];
}

const service = 'registry.test';
const issuer = 'token-server.test';

/**
 * A token server as the distribution project describes it ("Token Authentication Specification" and
 * "... with OAuth2"): GET with or without a password, POST with a refresh token; JWTs with ES256.
 */
export async function startTokenServer(options: TokenServerOptions = {}): Promise<TokenServer> {
  const { users = {}, identityTokens = [], open = [], lifetime = 300, tls } = options;
  const signer = createAuthority();
  const requests: TokenRequest[] = [];

  /** Undefined: refused. False: nobody in particular. */
  function isUser({ method, authorization, form }: TokenRequest): boolean | undefined {
    if (method === 'POST') {
      const good = form.get('grant_type') === 'refresh_token' && form.get('service') === service;
      return (good && identityTokens.includes(form.get('refresh_token') ?? '')) || undefined;
    }
    if (authorization === undefined) return false;
    const [, name = '', password] =
      /^([^:]*):(.*)$/.exec(Buffer.from(authorization.slice(6), 'base64').toString()) ?? [];
    return (Object.hasOwn(users, name) && users[name] === password) || undefined;
  }

  function tokenFor(scopes: readonly string[], all: boolean): string {
    const access = scopes.map(accessOf).map((wanted) => ({
      ...wanted,
      actions: wanted.actions.filter(
        (action) => all || (action === 'pull' && open.includes(wanted.name)),
      ),
    }));
    const now = Math.floor(Date.now() / 1000);
    const x5c = [signer.cert.replace(/-----[A-Z ]+-----|\n/g, '')];
    const claims = {
      ...{ iss: issuer, aud: service, sub: all ? 'user' : '', jti: randomUUID() },
      ...{ iat: now, nbf: now - 10, exp: now + lifetime, access },
    };
    const content = [{ typ: 'JWT', alg: 'ES256', x5c }, claims]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.');
    const key = { key: signer.key, dsaEncoding: 'ieee-p1363' } as const;
    return `${content}.${sign('sha256', Buffer.from(content), key).toString('base64url')}`;
  }

  async function answer(request: IncomingMessage): Promise<readonly [number, object]> {
    const url = new URL(request.url ?? '', 'http://localhost');
    const form = new URLSearchParams(await textOf(request));
    const scopes = [...url.searchParams.getAll('scope'), form.get('scope') ?? '']
      .flatMap((scope) => scope.split(' '))
      .filter(Boolean);
    const { authorization } = request.headers;
    const asked = { method: request.method ?? '', scopes, authorization, form };
    requests.push(asked);
    const all = isUser(asked);
    if (all === undefined) {
      return [401, { errors: [{ code: 'UNAUTHORIZED', message: 'incorrect credentials' }] }];
    }
    const token = tokenFor(scopes, all);
    return [200, { token, access_token: token, expires_in: lifetime }];
  }

  const listener: Parameters<typeof createServer>[1] = (request, response) => {
    void answer(request).then(([status, body]) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    });
  };
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  return {
    realm: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}/token`,
    ...{ service, issuer, certificate: signer.cert, requests },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function accessOf(scope: string): Access {
  const [, type = '', name = '', actions = ''] = /^([^:]*):(.*):([^:]*)$/.exec(scope) ?? [];
  return { type, name, actions: actions.split(',') };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString();
}
