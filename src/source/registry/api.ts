import { ConvertError } from '../../error.ts';
import { userCredentials } from '../auth/user.ts';
import type { Patience } from '../http/patience.ts';
import type { HttpBody, HttpMethod, HttpResponse } from '../http/transport.ts';
import { type Authorizer, createAuthorizer } from './authorizer.ts';
import { endpointOf } from './endpoint.ts';
import { type Actions, scopesFor } from './scope.ts';
import { createRegistrySession, type RegistryOptions } from './session.ts';

export interface RegistryTarget {
  /** `host[:port]`, as in a reference. */
  readonly registry: string;
  /** Left out where only the registry itself is asked. */
  readonly repository?: string;
}

/** One request to the registry's API. */
export interface RegistryCall {
  /** What is being done, as error sentences begin: `fetching the manifest of NAME from HOST`. */
  readonly action: string;
  /** GET unless given. */
  readonly method?: HttpMethod;
  /** Below `/v2/REPOSITORY/`, or below `/v2/` where the target has no repository. */
  readonly path?: string;
  /** In place of a path: any URL, such as the Location of an upload. */
  readonly url?: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: HttpBody;
  /** Statuses that are an answer to the caller besides 200 and 206. */
  readonly expect?: readonly number[];
  /** True: sending it twice does no harm, although its method (POST, PATCH) does not promise that. */
  readonly repeatable?: boolean;
  readonly patience: Patience;
  readonly signal?: AbortSignal | undefined;
  /** What a token must allow; `pull` unless given. */
  readonly actions?: Actions;
  /** Another repository of the registry that must be readable, to mount a blob from it. */
  readonly mountFrom?: string;
}

export interface RegistryApi {
  readonly endpoint: URL;
  /** `host[:port]/repository`, as in a reference. */
  readonly name: string;
  /** Tries for one wanted thing, to be shared by all requests for it. */
  patience(): Patience;
  /**
   * Sends a request, authorized as the registry wants it; a 401 is answered once, for a fresh token
   * that is refused will be refused again. Nothing of the user's is sent to another origin.
   * @throws ConvertError any code of the table's "Sources".
   */
  call(call: RegistryCall): Promise<HttpResponse>;
}

/**
 * The API of a registry that speaks the OCI distribution-spec (or Docker's registry API version 2),
 * used anonymously until it wants more. Nothing is sent, no credentials are looked up, and no network
 * code is loaded before the first call. Tokens, connections and the rate limit are shared by all APIs
 * of one `options.session`.
 */
export function createRegistryApi(
  { registry, repository }: RegistryTarget,
  options: RegistryOptions = {},
): RegistryApi {
  const { session = createRegistrySession(options), credentials = userCredentials() } = options;
  const { http } = session;
  const endpoint = endpointOf({ registry }, options.plainHttp);
  const base = new URL(repository === undefined ? '/v2/' : `/v2/${repository}/`, endpoint);

  function authorizer(): Authorizer {
    const key = base.href;
    const known =
      session.authorizers.get(key) ??
      createAuthorizer(http, { endpoint, registry, repository, credentials });
    session.authorizers.set(key, known);
    return known;
  }

  async function call(request: RegistryCall): Promise<HttpResponse> {
    const { action, method = 'GET', headers, body, patience, expect = [], signal } = request;
    const { repeatable, actions = 'pull', mountFrom } = request;
    const url = request.url ?? new URL(base.href + (request.path ?? ''));
    const scopes = scopesFor(repository, actions, mountFrom);
    const auth = authorizer();
    const send = (authorization: string | undefined, expected: readonly number[]) => {
      const all = { ...headers, ...(authorization !== undefined && { authorization }) };
      const sent = {
        ...{ action, method, url, headers: all, expect: expected, signal },
        ...(body !== undefined && { body }),
        ...(repeatable !== undefined && { repeatable }),
      };
      return http.send(sent, patience);
    };
    if (url.origin !== endpoint.origin) {
      return await send(undefined, expect);
    }
    try {
      const known = await auth.authorization(scopes, { action, signal });
      const response = await send(known, [...expect, 401]);
      if (response.status !== 401) {
        return response;
      }
      await refuseForeign(response, endpoint, action);
      const renewed = await auth.renew(response, known, scopes, { action, signal });
      return await send(renewed, expect);
    } catch (error) {
      throw auth.explain(error);
    }
  }

  const name = repository === undefined ? registry : `${registry}/${repository}`;
  return { endpoint, name, patience: http.patience, call };
}

async function refuseForeign(response: HttpResponse, endpoint: URL, action: string): Promise<void> {
  if (response.url.origin === endpoint.origin) {
    return;
  }
  await response.discard();
  throw new ConvertError(
    'REGISTRY_PROTOCOL',
    `${action}: found 401 at ${response.url.host}, to which the registry redirected, wanted the bytes`,
  );
}
