import { ConvertError } from '../../error.ts';
import type { Credentials } from '../auth/credentials.ts';
import { basicAuthorization } from '../http/basic-authorization.ts';
import type { HttpClient } from '../http/client.ts';
import type { HttpRequest } from '../http/transport.ts';
import { shownUrl } from '../http/url.ts';
import { readWhole } from '../http/whole.ts';
import type { Challenge } from './challenge.ts';

/** Bytes of a token server's answer. */
const answerCap = 64 * 1024;

/** Seconds a token is good for where the server does not say (distribution, "Token Authentication"). */
const defaultLifetime = 60;

/** Seconds before its end from which a token is not sent any more: a request takes time. */
const margin = 5;

/** How this tool calls itself to token servers that speak OAuth2. */
const clientId = 'osv-convert';

export interface Grant {
  /** The value of an Authorization header. */
  readonly authorization: string;
  /** Milliseconds since 1970. */
  readonly expires: number;
}

export interface TokenCall {
  /** What the token is for, as error sentences begin. */
  readonly action: string;
  /** The registry that sent the challenge. */
  readonly endpoint: URL;
  readonly challenge: Challenge;
  /** Such as `repository:library/nginx:pull`. */
  readonly scopes: readonly string[];
  readonly credentials: Credentials | undefined;
}

/**
 * Asks the token server of a Bearer challenge for a token: anonymously or with a password by GET
 * (distribution, "Token Authentication"), with an identity token by an OAuth2 POST (distribution,
 * "Token Authentication with OAuth2"), which is safe to send twice.
 * @throws ConvertError `REGISTRY_PROTOCOL`, and what the token server leads to.
 */
export async function requestToken(http: HttpClient, call: TokenCall): Promise<Grant> {
  const realm = realmOf(call);
  const action = `${call.action}: asking ${realm.host} for a token`;
  const patience = http.patience();
  const request = tokenRequest(realm, call);
  const { response, bytes } = await readWhole({
    action,
    cap: answerCap,
    patience,
    open: () => http.send({ action, ...request, repeatable: true, expect: [404] }, patience),
  });
  if (response.status === 404) {
    // Nothing is said of the image by that.
    throw new ConvertError(
      'REGISTRY_PROTOCOL',
      `${action}: found nothing at ${shownUrl(realm)} (404), wanted the token server it names`,
    );
  }
  const { value, lifetime } = parseToken(bytes, action);
  const expires = http.pace.now() + Math.max(0, lifetime - margin) * 1000;
  return { authorization: `Bearer ${value}`, expires };
}

/** The realm must not be weaker than the registry: a token sent in the clear is everyone's. */
function realmOf({ challenge, endpoint, action }: TokenCall): URL {
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
  return url;
}

function tokenRequest(realm: URL, { challenge, scopes, credentials }: TokenCall): HttpRequest {
  const service = challenge.parameters.get('service');
  if (credentials?.kind === 'identity-token') {
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      client_id: clientId,
      refresh_token: credentials.token,
      ...(service !== undefined && { service }),
      ...(scopes.length > 0 && { scope: scopes.join(' ') }),
    });
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    return { url: realm, method: 'POST', headers, body: Buffer.from(form.toString()) };
  }
  const url = new URL(realm);
  if (service !== undefined) {
    url.searchParams.set('service', service);
  }
  for (const scope of scopes) {
    url.searchParams.append('scope', scope);
  }
  if (credentials === undefined) {
    return { url, headers: {} };
  }
  url.searchParams.set('account', credentials.username);
  return {
    url,
    headers: { authorization: basicAuthorization(credentials.username, credentials.password) },
  };
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
