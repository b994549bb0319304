import { ConvertError } from '../../error.ts';
import type { HttpRequest, HttpResponse, Transport } from './transport.ts';
import { shownUrl } from './url.ts';

const redirects: readonly number[] = [301, 302, 303, 307, 308];

/** Those that never turn one method into another (RFC 9110 section 15.4). */
const methodKeeping: readonly number[] = [307, 308];

/** Real registries need one or two; more is a loop. */
const hopLimit = 5;

/**
 * Sends `request` and follows where it is sent. Authorization is dropped for good once a redirect
 * leaves the origin: object stores refuse it, and it is not theirs to see. Nor is a body, which may
 * hold a token. A redirect that would make a GET of something else is an answer as it is.
 * @throws ConvertError `REGISTRY_PROTOCOL` for a loop, a bad Location, or a step from HTTPS to HTTP.
 */
export async function follow(
  transport: Transport,
  request: HttpRequest,
  action: string,
): Promise<HttpResponse> {
  const { method = 'GET', body } = request;
  const followed = method === 'GET' || method === 'HEAD' ? redirects : methodKeeping;
  let { url, headers } = request;
  for (let hops = 0; hops <= hopLimit; hops += 1) {
    const response = await transport({ ...request, url, headers });
    if (!followed.includes(response.status)) {
      return response;
    }
    await response.discard();
    const next = locationOf(response, action);
    if (next.origin !== url.origin) {
      if (body !== undefined) {
        throw new ConvertError(
          'REGISTRY_PROTOCOL',
          `${action}: found a redirect of a ${method} to ${next.host}, wanted it on ${url.host}`,
        );
      }
      const { authorization: _dropped, ...kept } = headers;
      headers = kept;
    }
    url = next;
  }
  throw new ConvertError(
    'REGISTRY_PROTOCOL',
    `${action}: found more than ${hopLimit} redirects, the last to ${shownUrl(url)}`,
  );
}

function locationOf(response: HttpResponse, action: string): URL {
  const refuse = (problem: string) =>
    new ConvertError(
      'REGISTRY_PROTOCOL',
      `${action}: found a redirect from ${shownUrl(response.url)} ${problem}`,
    );
  const text = response.header('location') ?? '';
  if (text === '' || !URL.canParse(text, response.url.href)) {
    throw refuse('without a valid Location');
  }
  const location = new URL(text, response.url);
  if (location.protocol !== 'https:' && location.protocol !== 'http:') {
    throw refuse(`to a URL of ${location.protocol}, wanted https`);
  }
  if (location.protocol === 'http:' && response.url.protocol === 'https:') {
    throw refuse(`to plain HTTP at ${location.host}, wanted https`);
  }
  // Credentials in a Location are the server's idea, not the user's.
  location.username = '';
  location.password = '';
  return location;
}
