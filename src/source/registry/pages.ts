import { ConvertError } from '../../error.ts';
import { documentCap } from '../../oci/json.ts';
import type { HttpResponse } from '../http/transport.ts';
import { readWhole } from '../http/whole.ts';
import type { RegistryApi } from './api.ts';

/** Pages of one list. More than any real list has; a registry that links in circles ends here. */
const pageCap = 1000;

/** Bytes of all pages of one list together; a million tags fit. */
const listCap = 16 * documentCap;

export interface PagesOptions {
  readonly action: string;
  /** Of the first page, below the repository. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Statuses that are an answer to the caller although they are no success. */
  readonly expect?: readonly number[];
  readonly signal?: AbortSignal | undefined;
}

export interface Page {
  readonly response: HttpResponse;
  readonly bytes: Uint8Array;
}

/**
 * The pages of a list, from one `Link: <…>; rel="next"` to the next (RFC 8288; distribution-spec,
 * "Listing Tags"). A link is followed on the registry's own origin only.
 * @throws ConvertError `REGISTRY_PROTOCOL` for a link elsewhere or a list without end; any code of
 * the table's "Sources".
 */
export async function* readPages(
  api: RegistryApi,
  { action, path, headers = {}, expect = [], signal }: PagesOptions,
): AsyncGenerator<Page, void, undefined> {
  let place: { readonly path: string } | { readonly url: URL } = { path };
  let size = 0;
  for (let count = 0; count < pageCap && size <= listCap; count += 1) {
    const patience = api.patience();
    const request = { ...place, action, headers, expect, patience, signal };
    const page = await readWhole({
      action,
      cap: documentCap,
      patience,
      signal,
      open: () => api.call(request),
    });
    size += page.bytes.byteLength;
    yield page;
    const next = nextOf(page.response, api.endpoint, action);
    if (next === undefined) return;
    place = { url: next };
  }
  throw new ConvertError(
    'REGISTRY_PROTOCOL',
    `${action}: found more than ${pageCap} pages or ${listCap} bytes, wanted the list to end`,
  );
}

function nextOf(response: HttpResponse, endpoint: URL, action: string): URL | undefined {
  const links = response.headers('link').flatMap((value) => value.split(/,(?=\s*<)/));
  const next = links.find((link) => /;\s*rel="?next"?\s*(?:;|$)/i.test(link));
  const target = /^\s*<([^>]*)>/.exec(next ?? '')?.[1];
  if (target === undefined) return undefined;
  const url = URL.canParse(target, response.url.href) ? new URL(target, response.url) : undefined;
  if (url?.origin === endpoint.origin) return url;
  throw new ConvertError(
    'REGISTRY_PROTOCOL',
    `${action}: found the next page at ${url?.host ?? 'no valid URL'}, wanted it at ${endpoint.host}`,
  );
}
