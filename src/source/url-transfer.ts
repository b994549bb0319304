import type { Descriptor } from '../../store/index.ts';
import { ConvertError } from '../error.ts';
import { transfer } from './http/transfer.ts';
import { isLoopback, shownUrl } from './http/url.ts';
import { createRegistrySession, type RegistryOptions } from './registry/session.ts';

/** Real descriptors have one or two; more would have us ask many hosts at an image's bidding. */
const maxUrls = 16;

/** In characters. */
const maxLength = 4096;

export interface UrlTransferOptions extends RegistryOptions {
  /** The byte to begin at. */
  readonly offset: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The bytes of a descriptor from the first of its `urls` that gives them; where one breaks off, the
 * next goes on behind it. Whoever wrote the image chose the hosts: they are sent neither credentials
 * nor certificates of the user's, and are reached by HTTPS alone, but for this machine or where
 * `plainHttp` says so.
 * @throws ConvertError `MANIFEST_INVALID` where there are too many, or none that may be used; else
 * what they failed with, the code that of the last.
 */
export async function* fetchFromUrls(
  { digest, size, urls = [] }: Descriptor,
  options: UrlTransferOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { session = createRegistrySession(options), plainHttp, signal } = options;
  const { http } = session;
  if (urls.length > maxUrls) throw refused(digest, `${urls.length} URLs`, `at most ${maxUrls}`);
  let { offset } = options;
  const failures: ConvertError[] = [];
  for (const text of urls) {
    try {
      const url = parseUrl(text, digest, plainHttp);
      const action = `fetching ${digest} from ${shownUrl(url)}`;
      const patience = http.patience();
      const open = (from: number) => {
        const headers = from > 0 ? { range: `bytes=${from}-` } : {};
        return http.send(
          { action, url, headers, expect: [416], anonymous: true, signal },
          patience,
        );
      };
      for await (const chunk of transfer({ action, size, from: offset, patience, signal, open })) {
        offset += chunk.byteLength;
        yield chunk;
      }
      return;
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof ConvertError)) throw error;
      failures.push(error);
    }
  }
  throw summed(failures);
}

/** Says of a URL that is refused nothing in which a secret may stand. */
function parseUrl(text: string, digest: string, plainHttp: boolean | undefined): URL {
  if (text.length > maxLength) {
    throw refused(digest, `a URL of ${text.length} characters`, `at most ${maxLength}`);
  }
  if (!URL.canParse(text)) throw refused(digest, 'a URL that is none', 'https://HOST/PATH');
  const url = new URL(text);
  const { protocol, host, hostname, username, password } = url;
  if (protocol !== 'https:' && protocol !== 'http:') {
    throw refused(digest, `a URL of ${protocol.slice(0, 40)}`, 'https');
  }
  if (username !== '' || password !== '') {
    throw refused(digest, `a URL on ${host} with a user or a password`, 'none');
  }
  if (protocol === 'http:' && !(plainHttp ?? isLoopback(hostname))) {
    const hint = 'if you trust the network to that host: --plain-http';
    throw refused(digest, `a URL of plain HTTP on ${host}`, 'https', hint);
  }
  return url;
}

function refused(digest: string, found: string, wanted: string, hint?: string): ConvertError {
  return new ConvertError(
    'MANIFEST_INVALID',
    `fetching ${digest} from its URLs: found ${found}, wanted ${wanted}`,
    hint === undefined ? {} : { hint },
  );
}

/** That a host failed is more to the point than that another was not asked. */
function summed(failures: readonly ConvertError[]): ConvertError {
  const asked = failures.filter(({ code }) => code !== 'MANIFEST_INVALID');
  const { code, hint } = asked.at(-1) ?? failures[0] ?? {};
  return new ConvertError(
    code ?? 'MANIFEST_INVALID',
    [...new Set(failures.map(({ message }) => message))].join('; '),
    {
      cause: failures[0],
      hint:
        asked.length > 0 || hint === undefined
          ? 'try again later, or take the image from a file that has the layer'
          : hint,
    },
  );
}
