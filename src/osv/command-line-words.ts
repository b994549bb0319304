import type { ProgramCall, RefusedCommandLine } from './command-line-parse.ts';

/** A program before its variables are expanded; text is one character a byte. */
type RawCall = Pick<ProgramCall, 'words' | 'end'>;

/**
 * The programs in the part of a command line behind the loader's options (core/commands.cc, `commands`;
 * Boost's `ascii` knows bytes below 0x80 only). What follows the last program that can be read is ignored,
 * as the kernel does.
 */
export function parseCommands(text: string): readonly RawCall[] | RefusedCommandLine {
  if (/^[ \f\n\r\t\v;]*$/.test(text)) return { reason: 'no program' };
  const calls: RawCall[] = [];
  for (let at = 0; ; ) {
    const call = parseCall(text, at);
    if (call === undefined) {
      return calls.length > 0 ? calls : { reason: whyUnreadable(text) };
    }
    calls.push(call);
    at = call.next;
  }
}

/** From the first `$` to its end, a word is the name of a variable; one that is not set is nothing. */
export function expandWords(
  words: readonly string[],
  env: ReadonlyMap<string, string>,
): readonly string[] {
  return words.map((word) => {
    const at = word.indexOf('$');
    return at === -1 ? word : word.slice(0, at) + (env.get(word.slice(at + 1)) ?? '');
  });
}

interface Parsed {
  readonly word: string;
  readonly next: number;
}

/** Words, then what ends them; undefined where there is no word, or nothing that may end it. */
function parseCall(text: string, from: number): (RawCall & { next: number }) | undefined {
  const words: string[] = [];
  let at = skipSpace(text, from);
  for (let found = parseWord(text, at); found !== undefined; found = parseWord(text, at)) {
    words.push(found.word);
    at = skipSpace(text, found.next);
  }
  const end = (['&!', '&', ';', '!'] as const).find((mark) => text.startsWith(mark, at));
  if (words.length === 0 || (end === undefined && at < text.length)) return undefined;
  return { words, end: end ?? '', next: at + (end ?? '').length };
}

function parseWord(text: string, at: number): Parsed | undefined {
  return parseQuoted(text, at) ?? parseBare(text, at);
}

function parseQuoted(text: string, at: number): Parsed | undefined {
  if (text[at] !== '"') return undefined;
  const { word, next } = parseRun(text, at + 1, '"');
  return text[next] === '"' ? { word, next: next + 1 } : undefined;
}

function parseBare(text: string, at: number): Parsed | undefined {
  const run = parseRun(text, at, ' ;&!');
  return run.next > at ? run : undefined;
}

/** Up to one of `stops` or a byte outside ASCII; a known escape is one character, and stops nothing. */
function parseRun(text: string, from: number, stops: string): Parsed {
  let word = '';
  let at = from;
  while (at < text.length && text.charCodeAt(at) < 0x80) {
    const plain = text[at] === '\\' ? escapes[text.charAt(at + 1)] : undefined;
    if (plain === undefined && stops.includes(text.charAt(at))) break;
    word += plain ?? text.charAt(at);
    at += plain === undefined ? 1 : 2;
  }
  return { word, next: at };
}

const escapes: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  "'": "'",
  '"': '"',
};

function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length && ' \t\n\v\f\r'.includes(text.charAt(at))) at += 1;
  return at;
}

function whyUnreadable(text: string): string {
  const foreign = /[\x80-\xff]/.exec(text)?.[0];
  if (foreign === undefined)
    return `${JSON.stringify(text.trim().slice(0, 1))} where a program begins`;
  return `byte 0x${foreign.charCodeAt(0).toString(16)} in the program's words, which are ASCII`;
}
