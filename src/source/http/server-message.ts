import type { HttpResponse } from './transport.ts';
import { readCapped } from './whole.ts';

/** Bytes of an error body that are looked at. */
const bodyCap = 64 * 1024;

/** Characters of a server's message that are shown. */
const shownCap = 200;

/**
 * The server's own words in an error answer: `errors[0]` of the distribution-spec ("Error Codes"),
 * or one line of plain text; undefined for pages and nonsense. Consumes the body.
 */
export async function serverMessage(response: HttpResponse): Promise<string | undefined> {
  let text: string;
  try {
    text = Buffer.from(await readCapped(response, bodyCap, 'reading an error')).toString('utf8');
  } catch {
    return undefined; // The status says enough.
  }
  const type = response.header('content-type') ?? '';
  const words = type.startsWith('text/plain') ? text.split('\n', 1)[0] : firstError(text);
  return words === undefined ? undefined : harmless(words) || undefined;
}

function firstError(text: string): string | undefined {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return undefined;
  }
  const errors = memberOf(body, 'errors');
  const first: unknown = Array.isArray(errors) ? errors[0] : undefined;
  const words = [memberOf(first, 'code'), memberOf(first, 'message')].filter(
    (word) => typeof word === 'string' && word !== '',
  );
  return words.length === 0 ? undefined : words.join(': ');
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null
    ? Object.getOwnPropertyDescriptor(value, name)?.value
    : undefined;
}

/** Without control and direction characters, which could rewrite the terminal it is shown on. */
function harmless(words: string): string {
  const plain = words.replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\u2028\u2029]+/gu, ' ').trim();
  return plain.length > shownCap ? `${plain.slice(0, shownCap)}…` : plain;
}
