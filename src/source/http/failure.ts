import { ConvertError, type ErrorCode } from '../../error.ts';
import { LowSpeedError } from './low-speed.ts';

/** A failed try: the error to end with, and whether another try may go better. */
export interface Failure {
  readonly error: ConvertError;
  readonly transient: boolean;
  /** Milliseconds the server asks to wait (Retry-After). */
  readonly retryAfter?: number | undefined;
  /** True when the server has surely done nothing: any request may be sent again. */
  readonly untouched?: boolean;
}

interface Kind {
  readonly code: ErrorCode;
  readonly transient: boolean;
  readonly found: string;
  readonly hint?: string;
  readonly untouched?: boolean;
}

const broken: Kind = {
  code: 'REGISTRY_UNREACHABLE',
  transient: true,
  found: 'the connection broke',
};

const unconnected: Kind = { ...broken, untouched: true };

const kinds: readonly (readonly [RegExp, Kind])[] = [
  [
    /^ECONNREFUSED$/,
    {
      ...unconnected,
      found: 'connection refused',
      hint: 'check that the server runs and its port',
    },
  ],
  [
    /^ENOTFOUND$/,
    {
      ...unconnected,
      transient: false,
      found: 'no such host',
      hint: 'check the spelling of the host, and the connection; behind a proxy: HTTPS_PROXY',
    },
  ],
  [/^EAI_AGAIN$/, { ...unconnected, found: 'no answer from the name server' }],
  [/^(EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL)$/, { ...unconnected, found: 'no route to the host' }],
  [/^UND_ERR_CONNECT_TIMEOUT$/, { ...unconnected, found: 'no connection in time' }],
  [/^ETIMEDOUT$/, { ...broken, found: 'no connection in time' }],
  [/^UND_ERR_(HEADERS|BODY)_TIMEOUT$/, { ...broken, found: 'silence on the connection' }],
  [
    /^(ERR_SSL_WRONG_VERSION_NUMBER|ERR_SSL_PACKET_LENGTH_TOO_LONG|ERR_SSL_HTTP_REQUEST|EPROTO)$/,
    {
      code: 'REGISTRY_TLS',
      transient: false,
      found: 'no TLS on the other side',
      hint: 'if the server speaks plain HTTP, add --plain-http',
    },
  ],
  [
    /^ERR_SSL_\w*ALERT_/,
    {
      code: 'REGISTRY_TLS',
      transient: false,
      found: 'a server that refuses us in TLS',
      hint: 'if it wants a client certificate: --cert-dir DIR with client.cert and client.key',
    },
  ],
  [
    /^(ERR_TLS_|ERR_SSL_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA|ERR_OSSL|ERR_CRYPTO)/,
    {
      code: 'REGISTRY_TLS',
      transient: false,
      found: 'a certificate that cannot be verified',
      hint: 'if it is your own: put the CA as ca.crt into a folder, and name that with --cert-dir, or see NODE_EXTRA_CA_CERTS',
    },
  ],
  [
    // What undici makes of a proxy's answer to CONNECT, and of its 407 to anything else.
    /^UND_ERR_(ABORTED|INVALID_ARG)$/,
    {
      ...broken,
      transient: false,
      found: 'a proxy that does not let it through',
      hint: 'see HTTPS_PROXY and NO_PROXY',
    },
  ],
  [
    /^(HPE_|UND_ERR_HEADERS_OVERFLOW|UND_ERR_RESPONSE)/,
    { code: 'REGISTRY_PROTOCOL', transient: false, found: 'an answer that is not HTTP' },
  ],
];

/** What a transport error means. A user's abort is no failure: it is thrown on as it is. */
export function transportFailure(cause: unknown, action: string, signal?: AbortSignal): Failure {
  signal?.throwIfAborted();
  if (cause instanceof ConvertError) {
    return { error: cause, transient: false };
  }
  if (cause instanceof LowSpeedError) {
    const error = new ConvertError(broken.code, `${action}: ${cause.message}`, {
      hint: 'try again later, or let it be slower: "lowSpeed" in the configuration file',
      cause,
    });
    return { error, transient: true };
  }
  const code = codeOf(cause);
  if (code === undefined) {
    throw cause;
  }
  const [, kind] = kinds.find(([pattern]) => pattern.test(code)) ?? [undefined, broken];
  const options = { cause, ...(kind.hint !== undefined && { hint: kind.hint }) };
  return {
    error: new ConvertError(kind.code, `${action}: found ${kind.found} (${code})`, options),
    transient: kind.transient,
    ...(kind.untouched && { untouched: true }),
  };
}

/** undici's parser errors carry a code of llhttp's, but not all of them. */
function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) {
    return undefined;
  }
  if ('code' in error && typeof error.code === 'string') {
    return error.code;
  }
  return error.name === 'HTTPParserError' ? 'HPE_INVALID' : undefined;
}

/** What a status other than success means. `message` is the server's own, already made harmless. */
export function statusFailure(
  status: number,
  message: string | undefined,
  action: string,
  retryAfter?: number,
): Failure {
  const said = message === undefined ? `${status}` : `${status}, ${message}`;
  const fail = (code: ErrorCode, found: string, hint?: string, transient = false): Failure => ({
    error: new ConvertError(
      code,
      `${action}: found ${found} (${said})`,
      hint === undefined ? {} : { hint },
    ),
    transient,
    retryAfter,
    untouched: status === 429,
  });
  if (status === 401) {
    return fail(
      'AUTH_REQUIRED',
      'a server that wants credentials',
      'check the name: it is private, or there is no such image',
    );
  }
  if (status === 403) {
    return fail(
      'ACCESS_DENIED',
      'access denied',
      'ask the owner of the repository for the right to it',
    );
  }
  if (status === 404) {
    return fail('IMAGE_NOT_FOUND', 'nothing of that name', 'check the spelling of name and tag');
  }
  if (status === 429) {
    const seconds =
      retryAfter === undefined ? '' : `, to be asked again in ${Math.ceil(retryAfter / 1000)} s`;
    return fail('REGISTRY_RATE_LIMITED', `a rate limit${seconds}`, 'try again later', true);
  }
  if (status >= 500 || status === 408 || status === 425) {
    return fail('REGISTRY_FAILED', 'a failure of the server', 'try again later', true);
  }
  if (status === 400 && /HTTPS server/i.test(message ?? '')) {
    return fail('REGISTRY_TLS', 'a server that speaks TLS only, wanted plain HTTP');
  }
  return fail('REGISTRY_PROTOCOL', 'an unexpected answer');
}
