import { ConvertError, errorCodeOf } from '../../error.ts';
import type { CredentialSource, Credentials } from '../auth/credentials.ts';
import { basicAuthorization } from '../http/basic-authorization.ts';
import type { HttpClient } from '../http/client.ts';
import type { HttpResponse } from '../http/transport.ts';
import { type Challenge, parseChallenges } from './challenge.ts';
import { mergeScopes } from './scope.ts';
import { type Grant, requestToken } from './tokens.ts';

export interface Authorizer {
  /**
   * The Authorization to send for `scopes`; undefined while none is known to be wanted. Once the
   * registry has told where tokens are had, one is asked for beforehand: a large body is not sent in
   * vain.
   */
  authorization(scopes: readonly string[], call: AuthorizedCall): Promise<string | undefined>;
  /**
   * Takes a 401 to a request that was sent with `rejected`, and gets the Authorization that may do
   * better. Requests that are refused at the same time share one token request.
   * @throws ConvertError `AUTH_REQUIRED` when there is none, `CREDENTIALS_INVALID`,
   * `REGISTRY_PROTOCOL`, and what the token server leads to.
   */
  renew(
    response: HttpResponse,
    rejected: string | undefined,
    scopes: readonly string[],
    call: AuthorizedCall,
  ): Promise<string>;
  /** A refusal (`AUTH_REQUIRED`, `ACCESS_DENIED`) with what was sent, and the command that helps. */
  explain(error: unknown): unknown;
}

export interface AuthorizedCall {
  /** What is being done, as error sentences begin. */
  readonly action: string;
  readonly signal?: AbortSignal | undefined;
}

export interface AuthorizerOptions {
  readonly endpoint: URL;
  /** As it stands in a reference. */
  readonly registry: string;
  readonly repository: string | undefined;
  readonly credentials: CredentialSource;
}

/** Gets and keeps the Authorization for one repository: a password, or a token for each scope. */
export function createAuthorizer(http: HttpClient, options: AuthorizerOptions): Authorizer {
  const { endpoint, registry, repository } = options;
  const grants = new Map<string, Grant>();
  const pending = new Map<string, Promise<Grant>>();
  let challenge: Challenge | undefined;
  let looking: Promise<Credentials | undefined> | undefined;
  let found: Credentials | undefined;

  function current(key: string): Grant | undefined {
    const grant = grants.get(key);
    return grant !== undefined && grant.expires > http.pace.now() ? grant : undefined;
  }

  async function request(wanted: Challenge, scopes: readonly string[], action: string) {
    looking ??= options.credentials.find(registry, repository);
    const credentials = await looking;
    found = credentials;
    if (wanted.scheme === 'bearer') {
      const told = wanted.parameters.get('scope')?.split(' ').filter(Boolean) ?? [];
      const call = { action, endpoint, challenge: wanted, credentials };
      return await requestToken(http, { ...call, scopes: mergeScopes(told, scopes) });
    }
    if (credentials === undefined) {
      throw new ConvertError(
        'AUTH_REQUIRED',
        `${action}: found a registry that wants basic credentials, wanted anonymous access`,
      );
    }
    if (credentials.kind === 'identity-token') {
      throw new ConvertError(
        'AUTH_REQUIRED',
        `${action}: found a registry that wants basic credentials, wanted one that takes an identity token`,
      );
    }
    const { username, password } = credentials;
    const authorization = basicAuthorization(username, password);
    return { authorization, expires: Number.POSITIVE_INFINITY };
  }

  /** Nobody's signal ends a request that others wait for too: each stops waiting by its own. */
  async function obtain(
    wanted: Challenge,
    scopes: readonly string[],
    { action, signal }: AuthorizedCall,
  ): Promise<string> {
    signal?.throwIfAborted();
    const key = scopes.join(' ');
    let coming = pending.get(key);
    if (coming === undefined) {
      coming = request(wanted, scopes, action).finally(() => pending.delete(key));
      pending.set(key, coming);
    }
    const grant = await unlessAborted(coming, signal);
    grants.set(key, grant);
    return grant.authorization;
  }

  return {
    async authorization(scopes, call) {
      const grant = current(scopes.join(' '));
      if (grant !== undefined || challenge === undefined) {
        return grant?.authorization;
      }
      return await obtain(challenge, scopes, call);
    },

    async renew(response, rejected, scopes, call) {
      await response.discard();
      const wanted = choose(response, call.action);
      challenge = wanted;
      const grant = current(scopes.join(' '));
      if (grant !== undefined && grant.authorization !== rejected) {
        return grant.authorization; // Another request has renewed it meanwhile.
      }
      return await obtain(wanted, scopes, call);
    },

    explain(error) {
      const code = errorCodeOf(error);
      if (
        !(error instanceof ConvertError) ||
        (code !== 'AUTH_REQUIRED' && code !== 'ACCESS_DENIED')
      )
        return error;
      const sent =
        found === undefined
          ? `sent no credentials: none are stored for ${registry}`
          : `sent the credentials of ${found.origin}`;
      return new ConvertError(code, `${error.message}; ${sent}`, {
        hint: `unless the name is misspelt: osv-convert login ${registry}`,
        cause: error,
      });
    },
  };
}

/** Bearer is preferred: the password then goes to the token server only. */
function choose(response: HttpResponse, action: string): Challenge {
  const challenges = response.headers('www-authenticate').flatMap(parseChallenges);
  for (const scheme of ['bearer', 'basic']) {
    const challenge = challenges.find((each) => each.scheme === scheme);
    if (challenge !== undefined) {
      return challenge;
    }
  }
  const [other] = challenges;
  throw new ConvertError(
    'REGISTRY_PROTOCOL',
    other === undefined
      ? `${action}: found 401 without a challenge, wanted WWW-Authenticate`
      : `${action}: found a registry that wants ${other.scheme} credentials, wanted bearer or basic`,
  );
}

async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) {
    return await promise;
  }
  const ended = new AbortController();
  const aborted = new Promise<never>((_done, failed) => {
    const options = { once: true, signal: ended.signal };
    signal.addEventListener('abort', () => failed(signal.reason), options);
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    ended.abort();
  }
}
