import { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { type ConnectionOptions, createDispatchers, defaultTimeouts } from './dispatcher.ts';
import { defaultLowSpeed, type LowSpeed, refuseTrickle } from './low-speed.ts';
import { type Pace, realPace } from './patience.ts';
import { createLimiter, type Limiter } from './rate.ts';
import { isOfUnknownAuthority } from './system-authorities.ts';

export type HttpMethod = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** Bytes, or where they come from: asked anew each time the request is sent again. */
export type HttpBody = Uint8Array | (() => AsyncIterable<Uint8Array>);

export interface HttpRequest {
  readonly url: URL;
  /** GET unless given. */
  readonly method?: HttpMethod;
  readonly headers: Readonly<Record<string, string>>;
  /** Of a body that is no `Uint8Array`, the Content-Length is the caller's to put into `headers`. */
  readonly body?: HttpBody;
  /** True: no certificate shows the server who we are. */
  readonly anonymous?: boolean;
  /** True: the server may have much to do before it answers, and gets more time to begin. */
  readonly laborious?: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface HttpResponse {
  /** Where the answer came from, after redirects. */
  readonly url: URL;
  readonly status: number;
  /** The first value of a header, by its lower-case name. */
  header(name: string): string | undefined;
  /** All values of a header, by its lower-case name. */
  headers(name: string): readonly string[];
  /** The bytes as they were sent: no Content-Encoding is undone. Read it, or `discard` it. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Lets the connection go: reads a short rest of the body, breaks off a long or slow one. */
  discard(): Promise<void>;
}

/** One request, one answer: no redirect, no retry. */
export type Transport = (request: HttpRequest) => Promise<HttpResponse>;

export interface TransportOptions extends ConnectionOptions {
  /** Bytes per second, up and down, of all bodies together. */
  readonly limitRate?: number;
  /** How slowly the body of an answer may come before it counts as broken. */
  readonly lowSpeed?: Partial<LowSpeed>;
  readonly pace?: Pace;
}

/** An unread body within these bytes and milliseconds costs less than another connection. */
const worthReading = { bytes: 64 * 1024, time: 1000 };

/** Bytes of a body that are sent in one go. */
const pieceSize = 64 * 1024;

/** So many times the usual silence may pass before the answer to a `laborious` request. */
const labour = 4;

/** HTTP/1.1 over undici's `request`, which never decodes bodies (`fetch` does, and digests break). */
export function createTransport(options: TransportOptions = {}): Transport {
  const known = createDispatchers(options);
  const unknown = createDispatchers({ ...options, tls: { ...options.tls, anonymous: true } });
  const { pace = realPace, timeouts = defaultTimeouts } = options;
  const lowSpeed = { ...defaultLowSpeed, ...options.lowSpeed };
  const headersTimeout = labour * timeouts.silence;
  const limit = createLimiter(options.limitRate, pace);
  return async ({ url, method = 'GET', headers, body, anonymous, laborious, signal }) => {
    const dispatchers = anonymous ? unknown : known;
    const ask = async (trust?: 'system') =>
      await (await dispatchers(url.origin, trust)).request({
        origin: url.origin,
        path: url.pathname + url.search,
        method,
        headers: { 'user-agent': 'osv-convert', 'accept-encoding': 'identity', ...headers },
        ...(body !== undefined && { body: bodyOf(body, limit, signal) }),
        ...(laborious && { headersTimeout }),
        ...(signal && { signal }),
      });
    const answer = await ask().catch(async (error: unknown) => {
      // Nothing was sent. To read whom the system trusts takes its time, and is rarely needed.
      if (isOfUnknownAuthority(error)) return await ask('system');
      throw error;
    });
    return responseOf(url, answer, limit(refuseTrickle(answer.body, lowSpeed, pace), signal));
  };
}

function bodyOf(body: HttpBody, limit: Limiter, signal?: AbortSignal): Uint8Array | Readable {
  return typeof body === 'function'
    ? Readable.from(limit(inPieces(body()), signal), { objectMode: false })
    : body;
}

/** A server counts as silent when no piece was taken in time: over a slow line, a large one takes long. */
async function* inPieces(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.byteLength; at += pieceSize) {
      yield chunk.subarray(at, at + pieceSize);
    }
  }
}

function responseOf(
  url: URL,
  answer: Dispatcher.ResponseData,
  body: AsyncIterable<Uint8Array>,
): HttpResponse {
  const headers = (name: string) => [answer.headers[name] ?? []].flat();
  return {
    url,
    status: answer.statusCode,
    headers,
    header: (name) => headers(name)[0],
    body,
    async discard() {
      // What is thrown away may fail to arrive.
      const signal = AbortSignal.timeout(worthReading.time);
      await answer.body.dump({ limit: worthReading.bytes, signal }).catch(() => undefined);
    },
  };
}
