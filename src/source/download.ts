import { ConvertError } from '../error.ts';
import { createHttpClient, type HttpOptions } from './http/client.ts';
import { transportFailure } from './http/failure.ts';
import { transfer } from './http/transfer.ts';
import type { HttpResponse } from './http/transport.ts';
import { shownUrl } from './http/url.ts';

export interface DownloadOptions extends HttpOptions {
  /** Bytes above which the file is refused. */
  readonly limit: number;
  readonly signal?: AbortSignal;
}

/**
 * A file from the web, in sequence, redirects followed (never from HTTPS to HTTP). A broken
 * connection is resumed where the server names the version of the file by a strong ETag; without
 * one, the rest could be of another file. The digest is the taker's to check.
 * @throws ConvertError the codes of `Source.fetch`; `SIZE_MISMATCH` above `limit`.
 */
export async function* download(
  url: URL,
  options: DownloadOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { limit, signal } = options;
  const action = `downloading ${shownUrl(url)}`;
  const http = createHttpClient(options);
  const patience = http.patience();
  const get = (headers: Readonly<Record<string, string>>) =>
    http.send({ action, url, headers, expect: [416], signal }, patience);

  let first: HttpResponse | undefined = await get({});
  const length = first.header('content-length');
  if (length === undefined) {
    yield* unsized(first, { action, limit, signal });
    return;
  }
  const size = Number(length);
  if (size > limit) {
    await first.discard();
    throw tooLarge(action, size, limit);
  }
  const etag = first.header('etag');
  yield* transfer({
    action,
    size,
    patience,
    signal,
    async open(offset) {
      if (offset === 0) {
        const response = first ?? (await get({}));
        first = undefined;
        return response;
      }
      if (!etag?.startsWith('"')) {
        throw new ConvertError(
          'REGISTRY_UNREACHABLE',
          `${action}: found ${offset} bytes before the connection broke, wanted ${size} (the server cannot resume)`,
          { hint: 'try again' },
        );
      }
      return await get({ range: `bytes=${offset}-`, 'if-match': etag });
    },
  });
}

interface Unsized {
  readonly action: string;
  readonly limit: number;
  readonly signal?: AbortSignal | undefined;
}

/** A body sent in chunks: how much it is shows at its end, so it cannot be resumed. */
async function* unsized(response: HttpResponse, { action, limit, signal }: Unsized) {
  let size = 0;
  try {
    for await (const chunk of response.body) {
      size += chunk.byteLength;
      if (size > limit) {
        throw tooLarge(action, size, limit);
      }
      yield chunk;
    }
  } catch (error) {
    throw transportFailure(error, action, signal).error;
  } finally {
    await response.discard();
  }
}

function tooLarge(action: string, found: number, limit: number): ConvertError {
  return new ConvertError(
    'SIZE_MISMATCH',
    `${action}: found ${found} bytes or more, wanted at most ${limit}`,
  );
}
