import { ConvertError } from '../../error.ts';
import type { HttpClient } from '../http/client.ts';
import type { HttpResponse } from '../http/transport.ts';
import { shownUrl } from '../http/url.ts';
import { readWhole } from '../http/whole.ts';
import { type Challenge, parseChallenges } from './challenge.ts';

/** Bytes of a token server's answer. */
const answerCap = 64 * 1024;

/** Seconds a token is good for where the server does not say (distribution, "Token Authentication"). */
const defaultLifetime = 60;

/** Seconds before its end from which a token is not sent any more: a request takes time. */
const margin = 5;

interface Token {
  readonly authorization: string;
  /** Milliseconds since 1970. */
  readonly expires: number;
}

export interface Tokens {
  /** The Authorization to send; undefined while none is known to be wanted. */
  authorization(): string | undefined;
  /**
   * Takes a 401 to a request that was sent with `rejected`, and gets the Authorization of a token
   * that may do better. Requests that are refused at the same time share one token request.
   * @throws ConvertError `AUTH_REQUIRED` when it takes more than anonymous access,
   * `REGISTRY_PROTOCOL`, and what the token server leads to.
   */
  renew(response: HttpResponse, rejected: string | undefined, call: TokenCall): Promise<string>;
}

export interface TokenCall {
  readonly action: string;
  readonly signal?: AbortSignal | undefined;
}

/** The bearer tokens for one repository of the registry at `endpoint`. */
export function createTokens(http: HttpClient, endpoint: URL, repository: string): Tokens {
  let token: Token | undefined;
  let pending: Promise<Token> | undefined;

  function authorization(): string | undefined {
    return token !== undefined && token.expires > http.pace.now() ? token.authorization : undefined;
  }

  async function request(challenge: Challenge, { action, signal }: TokenCall): Promise<Token> {
    const url = tokenUrl(challenge, endpoint, repository, action);
    const asking = `${action}: asking ${url.host} for a token`;
    const patience = http.patience();
    const { bytes } = await readWhole({
      action: asking,
      cap: answerCap,
      patience,
      signal,
      open: () => http.get({ action: asking, url, headers: {}, signal }, patience),
    });
    const { value, lifetime } = parseToken(bytes, asking);
    const expires = http.pace.now() + Math.max(0, lifetime - margin) * 1000;
    return { authorization: `Bearer ${value}`, expires };
  }

  return {
    authorization,
    async renew(response, rejected, call) {
      await response.discard();
      const challenge = bearerOf(response, call.action);
      const current = authorization();
      if (current !== undefined && current !== rejected) {
        return current; // Another request has renewed it meanwhile.
      }
      pending ??= request(challenge, call).finally(() => {
        pending = undefined;
      });
      token = await pending;
      return token.authorization;
    },
  };
}

function bearerOf(response: HttpResponse, action: string): Challenge {
  const challenges = response.headers('www-authenticate').flatMap(parseChallenges);
  const bearer = challenges.find(({ scheme }) => scheme === 'bearer');
  if (bearer !== undefined) {
    return bearer;
  }
  const [other] = challenges;
  if (other === undefined) {
    throw new ConvertError(
      'REGISTRY_PROTOCOL',
      `${action}: found 401 without a challenge, wanted WWW-Authenticate`,
    );
  }
  throw new ConvertError(
    'AUTH_REQUIRED',
    `${action}: found a registry that wants ${other.scheme} credentials, wanted anonymous access`,
    { hint: 'check the name, or copy the image to a registry that anyone may pull from' },
  );
}

/** The realm must not be weaker than the registry: a token sent in the clear is everyone's. */
function tokenUrl(challenge: Challenge, endpoint: URL, repository: string, action: string): URL {
  const realm = challenge.parameters.get('realm') ?? '';
  const plain = endpoint.protocol === 'http:';
  const url = URL.canParse(realm) ? new URL(realm) : undefined;
  if (url === undefined || !(url.protocol === 'https:' || (plain && url.protocol === 'http:'))) {
    const found = url === undefined ? 'no valid URL' : shownUrl(url);
    throw new ConvertError(
      'REGISTRY_PROTOCOL',
      `${action}: found ${found} as the token realm, wanted an https URL`,
    );
  }
  url.username = '';
  url.password = '';
  const service = challenge.parameters.get('service');
  if (service !== undefined) {
    url.searchParams.set('service', service);
  }
  const scope = challenge.parameters.get('scope') ?? `repository:${repository}:pull`;
  url.searchParams.set('scope', scope);
  return url;
}

function parseToken(bytes: Uint8Array, action: string) {
  const refuse = (found: string) =>
    new ConvertError('REGISTRY_PROTOCOL', `${action}: found ${found}, wanted JSON with a token`);
  let answer: Partial<Record<'token' | 'access_token' | 'expires_in', unknown>> | null;
  try {
    answer = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    throw refuse('an answer that is not JSON');
  }
  const value = answer?.token || answer?.access_token;
  // Any other character could end the header and begin another.
  if (typeof value !== 'string' || !/^[\x21-\x7e]+$/.test(value)) {
    throw refuse('none');
  }
  const lifetime = Number(answer?.expires_in ?? defaultLifetime);
  return { value, lifetime: Number.isFinite(lifetime) ? lifetime : defaultLifetime };
}
