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
  defaultTimeouts,
  type HttpRequest,
  type HttpResponse,
  type Timeouts,
} from './transport.ts';

export interface HttpOptions {
  readonly retry?: RetryPolicy;
  readonly timeouts?: Timeouts;
  readonly pace?: Pace;
  readonly onEvent?: (event: SourceEvent) => void;
}

/** A GET and what is made of its answer. */
export interface Get extends HttpRequest {
  /** What is being done, as error sentences begin: `fetching the manifest of NAME from HOST`. */
  readonly action: string;
  /** Statuses that are an answer to the caller although they are no success. */
  readonly expect?: readonly number[];
}

export interface HttpClient {
  readonly pace: Pace;
  /** Tries for one wanted thing, to be shared by all requests for it. */
  patience(): Patience;
  /**
   * Follows redirects, repeats what may go better, and returns an answer of status 200 or 206 or
   * one of `expect`, its body unread.
   * @throws ConvertError for everything else (failure.ts).
   */
  get(request: Get, patience: Patience): Promise<HttpResponse>;
}

export function createHttpClient(options: HttpOptions = {}): HttpClient {
  const { retry = defaultRetryPolicy, timeouts = defaultTimeouts, pace = realPace } = options;
  const transport = createTransport(timeouts);

  async function attempt(request: Get): Promise<HttpResponse | Failure> {
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
    async get(request, patience) {
      for (;;) {
        const result = await attempt(request);
        if (!('error' in result)) {
          return result;
        }
        await patience.again(result, request.signal);
      }
    },
  };
}
