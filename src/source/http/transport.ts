import type { Agent, Dispatcher } from 'undici';

export interface HttpRequest {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
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
  /** Lets the connection go: reads a short rest of the body, breaks off a long one. */
  discard(): Promise<void>;
}

/** One request, one answer: no redirect, no retry. */
export type Transport = (request: HttpRequest) => Promise<HttpResponse>;

export interface Timeouts {
  /** Milliseconds to a connection, TLS included. */
  readonly connect: number;
  /** Milliseconds to the end of the headers, and between two chunks of a body. */
  readonly silence: number;
}

export const defaultTimeouts: Timeouts = { connect: 10_000, silence: 30_000 };

/** Enough to fill a link, few enough not to be taken for an attack. */
const connectionsPerHost = 8;

/** An unread body up to this many bytes is cheaper to read than its connection is to replace. */
const worthReading = 64 * 1024;

/**
 * HTTP/1.1 over undici's `request`, which never decodes bodies (`fetch` does, and digests break).
 * undici is loaded at the first request. Idle connections do not keep the process alive.
 */
export function createTransport(timeouts: Timeouts = defaultTimeouts): Transport {
  let agent: Promise<Agent> | undefined;
  return async ({ url, headers, signal }) => {
    agent ??= loadAgent(timeouts);
    const dispatcher = await agent;
    const answer = await dispatcher.request({
      origin: url.origin,
      path: url.pathname + url.search,
      method: 'GET',
      headers: { 'user-agent': 'osv-convert', 'accept-encoding': 'identity', ...headers },
      ...(signal && { signal }),
    });
    return responseOf(url, answer);
  };
}

async function loadAgent({ connect, silence }: Timeouts): Promise<Agent> {
  const { Agent } = await import('undici');
  return new Agent({
    connections: connectionsPerHost,
    pipelining: 1,
    connect: { timeout: connect },
    headersTimeout: silence,
    bodyTimeout: silence,
  });
}

function responseOf(url: URL, answer: Dispatcher.ResponseData): HttpResponse {
  const headers = (name: string) => [answer.headers[name] ?? []].flat();
  return {
    url,
    status: answer.statusCode,
    headers,
    header: (name) => headers(name)[0],
    body: answer.body,
    async discard() {
      // What is thrown away may fail to arrive.
      await answer.body.dump({ limit: worthReading }).catch(() => undefined);
    },
  };
}
