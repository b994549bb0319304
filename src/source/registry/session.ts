import type { CredentialSource } from '../auth/credentials.ts';
import { createHttpClient, type HttpClient, type HttpOptions } from '../http/client.ts';
import type { Authorizer } from './authorizer.ts';

/** How registries are reached. */
export interface RegistryOptions extends HttpOptions {
  /** True: HTTP for any host. False: HTTPS even on loopback. Otherwise HTTP on loopback only. */
  readonly plainHttp?: boolean;
  /** The user's auth files and helpers unless given. */
  readonly credentials?: CredentialSource;
  /** What is shared with other calls, its HTTP options included; of one's own unless given. */
  readonly session?: RegistrySession;
}

/**
 * What all calls of one command share: connections, the rate limit and tokens. Sessions know nothing
 * of each other, so two users' tokens in one process cannot mix.
 */
export interface RegistrySession {
  readonly http: HttpClient;
  /** By origin of the endpoint and repository. */
  readonly authorizers: Map<string, Authorizer>;
}

export function createRegistrySession(options: HttpOptions = {}): RegistrySession {
  return { http: createHttpClient(options), authorizers: new Map() };
}
