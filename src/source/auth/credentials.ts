/** What a user has for a registry. Secrets: never shown, never in an event, never in an argument. */
export type Credentials = BasicCredentials | IdentityToken;

export interface BasicCredentials {
  readonly kind: 'basic';
  readonly username: string;
  readonly password: string;
  /** Where they come from, for people: a file, or a helper and the file that names it. */
  readonly origin: string;
}

/** A long-lived token that the token server trades for short ones (RFC 6749 section 6). */
export interface IdentityToken {
  readonly kind: 'identity-token';
  readonly token: string;
  readonly origin: string;
}

/** Where credentials are looked up, once a registry has asked for them. */
export interface CredentialSource {
  /**
   * The most specific credentials for a repository of `registry` (`host[:port]`, as in a reference),
   * or undefined where there are none. Without a repository: those of the whole registry.
   * @throws ConvertError `CREDENTIALS_INVALID` naming the file or the helper that is broken.
   */
  find(
    registry: string,
    repository?: string,
    signal?: AbortSignal,
  ): Promise<Credentials | undefined>;
}
