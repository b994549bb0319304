import type { SourceEvent } from '../source.ts';
import { type Failure, statusFailure, transportFailure } from './failure.ts';
import {
  createPatience,
  defaultRetryPolicy,
  type Pace,
  type Patience,
  parseRetryAfter,
  type RetryPolicy,
  realPace,
} from './patience.ts';
import { follow } from './redirect.ts';
import { serverMessage } from './server-message.ts';
import {
  createTransport,
  type HttpMethod,
  type HttpRequest,
  type HttpResponse,
  type TransportOptions,
} from './transport.ts';

export interface HttpOptions extends TransportOptions {
  readonly retry?: RetryPolicy;
  readonly onEvent?: (event: SourceEvent) => void;
}

/** A request and what is made of its answer. */
export interface Send extends HttpRequest {
  /** What is being done, as error sentences begin: `fetching the manifest of NAME from HOST`. */
  readonly action: string;
  /** Statuses that are an answer to the caller although they are no success. */
  readonly expect?: readonly number[];
  /** True: sending it twice does no harm, although its method (POST, PATCH) does not promise that. */
  readonly repeatable?: boolean;
}

export interface HttpClient {
  readonly pace: Pace;
  /** Tries for one wanted thing, to be shared by all requests for it. */
  patience(): Patience;
  /**
   * Follows redirects, repeats what may go better, and returns an answer of status 200 or 206 or
   * one of `expect`, its body unread. What is not repeatable is sent again only where the server has
   * surely not begun with it.
   * @throws ConvertError for everything else (failure.ts).
   */
  send(request: Send, patience: Patience): Promise<HttpResponse>;
}

export function createHttpClient(options: HttpOptions = {}): HttpClient {
  const { retry = defaultRetryPolicy, pace = realPace } = options;
  const transport = createTransport(options);

  async function attempt(request: Send): Promise<HttpResponse | Failure> {
    const { action, expect = [], signal } = request;
    let response: HttpResponse;
    try {
      response = await follow(transport, request, action);
    } catch (error) {
      return transportFailure(error, action, signal);
    }
    if ([200, 206, ...expect].includes(response.status)) {
      return response;
    }
    const retryAfter = parseRetryAfter(response.header('retry-after'), pace.now());
    return statusFailure(response.status, await serverMessage(response), action, retryAfter);
  }

  return {
    pace,
    patience: () => createPatience(retry, pace, options.onEvent),
    async send(request, patience) {
      const { method = 'GET', repeatable = isIdempotent(method) } = request;
      for (;;) {
        const result = await attempt(request);
        if (!('error' in result)) {
          return result;
        }
        const transient = result.transient && (repeatable || result.untouched === true);
        await patience.again({ ...result, transient }, request.signal);
      }
    },
  };
}

/** RFC 9110 section 9.2.2. */
function isIdempotent(method: HttpMethod): boolean {
  return method !== 'POST' && method !== 'PATCH';
}
