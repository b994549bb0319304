import type { Digest } from '../../../store/index.ts';
import { userCredentials } from '../auth/user.ts';
import type { Patience } from '../http/patience.ts';
import { refusalOf } from '../http/refusal.ts';
import type { HttpBody, HttpMethod, HttpResponse } from '../http/transport.ts';
import { type Authorizer, createAuthorizer } from './authorizer.ts';
import { dataHostRefusal, refusals } from './data-host.ts';
import { endpointOf } from './endpoint.ts';
import { type Actions, scopesFor } from './scope.ts';
import { createRegistrySession, type RegistryOptions } from './session.ts';

export interface RegistryTarget {
  /** `host[:port]`, as in a reference. */
  readonly registry: string;
  /** Left out where only the registry itself is asked. */
  readonly repository?: string;
  /** Of the image that is wanted, for hints alone. */
  readonly tag?: string;
  readonly digest?: Digest;
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
  /** True: the registry may have much to do before it answers, and gets more time to begin. */
  readonly laborious?: boolean;
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
  target: RegistryTarget,
  options: RegistryOptions = {},
): RegistryApi {
  const { registry, repository } = target;
  const name = repository === undefined ? registry : `${registry}/${repository}`;
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

  /** The answer, which may also be a refusal of the registry, but not of another host. */
  async function send(request: RegistryCall, url: URL, authorization?: string) {
    const { action, method = 'GET', body, expect = [], signal, patience } = request;
    const { repeatable, laborious = false } = request;
    const headers = { ...request.headers, ...(authorization !== undefined && { authorization }) };
    const sent = {
      ...{ action, method, url, headers, expect: [...expect, ...refusals], laborious, signal },
      ...(body !== undefined && { body }),
      ...(repeatable !== undefined && { repeatable }),
    };
    const response = await http.send(sent, patience);
    if (response.url.origin === endpoint.origin || !refusals.includes(response.status)) {
      return response;
    }
    throw await dataHostRefusal(response, {
      action,
      registry: endpoint.host,
      wanted: method === 'GET' || method === 'HEAD' ? 'the bytes' : 'it to take the bytes',
      hint: `osv-convert doctor ${name}${suffixOf(target)}`,
    });
  }

  async function call(request: RegistryCall): Promise<HttpResponse> {
    const { action, signal, actions = 'pull', mountFrom } = request;
    const url = request.url ?? new URL(base.href + (request.path ?? ''));
    if (url.origin !== endpoint.origin) return await send(request, url);
    const scopes = scopesFor(repository, actions, mountFrom);
    const auth = authorizer();
    const explained = (error: unknown) => {
      throw auth.explain(error);
    };
    const known = await auth.authorization(scopes, { action, signal }).catch(explained);
    let response = await send(request, url, known);
    if (response.status === 401) {
      const renewed = auth.renew(response, known, scopes, { action, signal });
      response = await send(request, url, await renewed.catch(explained));
    }
    if (!refusals.includes(response.status)) return response;
    return explained(await refusalOf(response, action));
  }

  return { endpoint, name, patience: http.patience, call };
}

function suffixOf({ tag, digest }: RegistryTarget): string {
  if (digest !== undefined) return `@${digest}`;
  return tag === undefined ? '' : `:${tag}`;
}
