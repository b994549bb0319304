import type { IncomingMessage } from 'node:http';
import { type Answer, errorAnswer } from './answer.ts';

/** A token server in the shape of the distribution project's token authentication. */
export interface TokenAuth {
  readonly service: string;
  /** Requests a token is good for before the registry calls it expired. */
  readonly uses?: number;
  /** Seconds, as told in `expires_in`. */
  readonly expiresIn?: number;
  /** The member that carries the token. */
  readonly member?: 'token' | 'access_token';
  /** The challenge of a 401, with `{realm}` and `{scope}` put in; the usual Bearer unless given. */
  readonly challenge?: string;
}

const usual = 'Bearer realm="{realm}",service="{service}",scope="{scope}"';

export function createTokens(auth: TokenAuth) {
  const granted = new Map<string, { readonly scopes: readonly string[]; uses: number }>();

  function grant(url: URL): Answer {
    if (url.searchParams.get('service') !== auth.service) {
      return errorAnswer(400, 'BAD_REQUEST', 'no such service');
    }
    const token = `token-${granted.size + 1}`;
    granted.set(token, {
      scopes: url.searchParams.getAll('scope'),
      uses: auth.uses ?? Number.POSITIVE_INFINITY,
    });
    const body = { [auth.member ?? 'token']: token, expires_in: auth.expiresIn ?? 300 };
    return {
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: Buffer.from(JSON.stringify(body)),
    };
  }

  /** The 401 for a request whose token is missing, spent, or for another repository or right. */
  function refuse(request: IncomingMessage, realm: string, repository: string): Answer | undefined {
    const reads = request.method === 'GET' || request.method === 'HEAD';
    const scope = `repository:${repository}:${reads ? 'pull' : 'pull,push'}`;
    const token = granted.get(request.headers.authorization?.replace(/^Bearer /, '') ?? '');
    if (token !== undefined && token.uses > 0 && token.scopes.some((each) => covers(each, scope))) {
      token.uses -= 1;
      return undefined;
    }
    const challenge = (auth.challenge ?? usual)
      .replace('{realm}', realm)
      .replace('{service}', auth.service)
      .replace('{scope}', scope);
    return errorAnswer(401, 'UNAUTHORIZED', 'authentication required', {
      'www-authenticate': challenge,
    });
  }

  return { grant, refuse };
}

function covers(granted: string, wanted: string): boolean {
  return granted === wanted || granted === `${wanted},push`;
}
