/**
 * A model of how OSv reads its command line, written from core/commands.cc, core/options.cc and
 * libc/string/stresep.c alone; it shares nothing with the encoder. Text is one character a byte.
 */
export interface Understood {
  readonly options: readonly (readonly [name: string, value: string | undefined])[];
  readonly env: ReadonlyMap<string, string>;
  readonly commands: readonly { readonly words: readonly string[]; readonly end: string }[];
}

/** @returns undefined where the kernel would complain and power off. */
export function understand(line: string): Understood | undefined {
  const { tokens, rest } = splitLoaderOptions(line);
  const options: [string, string | undefined][] = [];
  const env = new Map<string, string>();
  for (const token of tokens) {
    if (!token.startsWith('--')) return undefined;
    const equals = token.indexOf('=');
    const name = token.slice(2, equals === -1 ? undefined : equals);
    const value = equals === -1 ? undefined : token.slice(equals + 1);
    if (value === '') return undefined;
    options.push([name, value]);
    if (name === 'env' && value?.includes('=')) {
      const at = value.indexOf('=');
      env.set(value.slice(0, at), value.slice(at + 1));
    }
  }
  const commands = parseCommands(rest);
  return (
    commands && {
      options,
      env,
      commands: commands.map(({ words, end }) => ({
        words: words.map((word) => expand(word, env)),
        end,
      })),
    }
  );
}

/** stresep with the delimiters blank, tab and newline and the escape backslash. */
function splitLoaderOptions(line: string): { tokens: string[]; rest: string } {
  const tokens: string[] = [];
  let at = 0;
  for (;;) {
    let ahead = at;
    while (ahead < line.length && ' \t\n'.includes(line.charAt(ahead))) ahead++;
    if (line.charAt(ahead) !== '-') return { tokens, rest: line.slice(at) };
    let token = '';
    at = ahead;
    while (at < line.length && !' \t\n'.includes(line.charAt(at))) {
      if (line.charAt(at) === '\\') at++;
      token += line.charAt(at++);
    }
    at++;
    tokens.push(token);
  }
}

const unescaped: Readonly<Record<string, string>> = {
  '\\a': '\x07',
  '\\b': '\b',
  '\\f': '\f',
  '\\n': '\n',
  '\\r': '\r',
  '\\t': '\t',
  '\\v': '\v',
  '\\\\': '\\',
  "\\'": "'",
  '\\"': '"',
};

const isSpace = (character: string): boolean =>
  character !== '' && ' \t\n\v\f\r'.includes(character);
const isAscii = (character: string): boolean => character !== '' && character.charCodeAt(0) < 0x80;

interface Parsed<T> {
  readonly value: T;
  readonly next: number;
}

function parseCommands(text: string): { words: string[]; end: string }[] | undefined {
  const commands: { words: string[]; end: string }[] = [];
  let at = 0;
  for (;;) {
    const command = parseCommand(text, at);
    if (command === undefined) return commands.length === 0 ? undefined : commands;
    commands.push(command.value);
    at = command.next;
  }
}

function parseCommand(
  text: string,
  from: number,
): Parsed<{ words: string[]; end: string }> | undefined {
  const words: string[] = [];
  let at = from;
  for (;;) {
    const start = skipSpace(text, at);
    const word = parseQuoted(text, start) ?? parseBare(text, start);
    if (word === undefined) break;
    words.push(word.value);
    at = word.next;
  }
  at = skipSpace(text, at);
  if (words.length === 0) return undefined;
  const end = [';', '&!', '&', '!'].find((mark) => text.startsWith(mark, at));
  if (end !== undefined) return { value: { words, end }, next: at + end.length };
  return at === text.length ? { value: { words, end: '' }, next: at } : undefined;
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (isSpace(text.charAt(at))) at++;
  return at;
}

function parseQuoted(text: string, from: number): Parsed<string> | undefined {
  if (text.charAt(from) !== '"') return undefined;
  const inside = parseRun(text, from + 1, '"');
  return text.charAt(inside.next) === '"'
    ? { value: inside.value, next: inside.next + 1 }
    : undefined;
}

function parseBare(text: string, from: number): Parsed<string> | undefined {
  const run = parseRun(text, from, ' ;&!');
  return run.next === from ? undefined : run;
}

function parseRun(text: string, from: number, stops: string): Parsed<string> {
  let value = '';
  let at = from;
  while (isAscii(text.charAt(at))) {
    const plain = unescaped[text.slice(at, at + 2)];
    if (plain === undefined && stops.includes(text.charAt(at))) break;
    value += plain ?? text.charAt(at);
    at += plain === undefined ? 1 : 2;
  }
  return { value, next: at };
}

/** From the first `$` to the end of the word is the name of a variable. */
function expand(word: string, env: ReadonlyMap<string, string>): string {
  const at = word.indexOf('$');
  return at === -1 ? word : word.slice(0, at) + (env.get(word.slice(at + 1)) ?? '');
}
