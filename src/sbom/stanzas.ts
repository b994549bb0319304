import { Damaged } from './damaged.ts';

const stanzaCap = 100_000;

/**
 * Records of `NAME: value` or `N:value` lines, an empty line between two (deb822(5), apk's installed
 * database). Of a value that goes on in indented lines only the first line is kept.
 * @throws Damaged for more than 100,000 records, and for a file that is no text.
 */
export function* readStanzas(text: string): Generator<ReadonlyMap<string, string>, void> {
  if (text.includes('\0')) throw new Damaged('zero bytes, in a file of text');
  let count = 0;
  let stanza = new Map<string, string>();
  for (const line of linesOf(text)) {
    if (line === '') {
      if (stanza.size > 0) yield stanza;
      stanza = new Map();
      continue;
    }
    const colon = line.indexOf(':');
    if (colon <= 0 || line.startsWith(' ') || line.startsWith('\t')) continue;
    if (stanza.size === 0 && ++count > stanzaCap) {
      throw new Damaged(`more than ${stanzaCap} packages`);
    }
    stanza.set(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  if (stanza.size > 0) yield stanza;
}

/** One at a time: a file of nothing but line ends is as long an array. */
export function* linesOf(text: string): Generator<string, void> {
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf('\n', at);
    const next = end === -1 ? text.length : end;
    yield text.slice(at, text[next - 1] === '\r' && next > at ? next - 1 : next);
    at = next + 1;
  }
}
