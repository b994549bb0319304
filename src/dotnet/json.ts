/** The members of a JSON object, without what objects inherit. */
export type JsonObject = ReadonlyMap<string, unknown>;

export function objectOf(value: unknown): JsonObject | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? new Map(Object.entries(value))
    : undefined;
}

/** Arrays and objects in each other: no file of .NET has twenty, and a hostile one would fill the stack. */
const depthCap = 500;

/** Values in all: the largest deps.json have some 10,000, and 16 MiB of empty objects would take a gigabyte. */
const valueCap = 500_000;

/**
 * JSON as the .NET host reads it since .NET 5 (src/native/corehost/json_parser.cpp, rapidjson): comments
 * and a byte order mark are allowed, of a name used twice the first counts, and what follows the value, or
 * a NUL, is not looked at. Bytes that are not UTF-8 are read as U+FFFD, for the host does not mind them.
 * Objects have no prototype.
 * @throws SyntaxError
 */
export function parseHostJson(bytes: Uint8Array): unknown {
  return openParser(new TextDecoder().decode(bytes))(0);
}

/** The members of an object; undefined for what is no JSON, or no object, which is for the host to refuse. */
export function hostObjectOf(bytes: Uint8Array): JsonObject | undefined {
  try {
    return objectOf(parseHostJson(bytes));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function openParser(text: string): (depth: number) => unknown {
  let at = 0;
  let values = 0;

  function fail(wanted: string): never {
    throw new SyntaxError(`wanted ${wanted} at character ${at}`);
  }

  /** What `pattern`, which is sticky, matches here; `''` for nothing. */
  function take(pattern: RegExp): string {
    pattern.lastIndex = at;
    const [found = ''] = pattern.exec(text) ?? [];
    at += found.length;
    return found;
  }

  function skipBlank(): void {
    while (blanks.includes(text.charAt(at)) || text[at] === '/') {
      if (text[at] !== '/') at++;
      else if (text[at + 1] === '/') take(lineComment);
      else skipComment();
    }
  }

  function skipComment(): void {
    const end = text[at + 1] === '*' ? text.indexOf('*/', at + 2) : -1;
    at = end === -1 ? fail('a comment that ends') : end + 2;
  }

  function parseValue(depth: number): unknown {
    skipBlank();
    values += 1;
    if (depth > depthCap) fail('no more than so many arrays and objects in each other');
    if (values > valueCap) fail(`at most ${valueCap} values`);
    const sign = text[at];
    if (sign === '{') return parseObject(depth);
    if (sign === '[') return parseArray(depth);
    if (sign === '"') return parseString();
    const word = take(literal);
    if (word !== '') return JSON.parse(word);
    const number = Number(take(numeral) || fail('a value'));
    return Number.isFinite(number) ? number : fail('a number that a double holds');
  }

  function parseObject(depth: number): unknown {
    const members: Record<string, unknown> = Object.create(null);
    parseItems('}', () => {
      if (text[at] !== '"') fail('a name');
      const name = parseString();
      skipBlank();
      if (text[at++] !== ':') fail('a colon');
      const value = parseValue(depth + 1);
      if (!(name in members)) members[name] = value;
    });
    return members;
  }

  function parseArray(depth: number): unknown {
    const items: unknown[] = [];
    parseItems(']', () => items.push(parseValue(depth + 1)));
    return items;
  }

  function parseItems(close: string, parseItem: () => void): void {
    let sign: string | undefined;
    at++;
    skipBlank();
    if (text[at] === close) {
      at++;
      return;
    }
    do {
      skipBlank();
      parseItem();
      skipBlank();
      sign = text[at++];
    } while (sign === ',');
    if (sign !== close) fail(`a comma or ${close}`);
  }

  function parseString(): string {
    const start = at++;
    let isPlain = true;
    for (let code = text.charCodeAt(at); code !== quote; code = text.charCodeAt(at)) {
      if (Number.isNaN(code)) fail('the end of the string');
      if (code < 0x20 || code === backslash) isPlain = false;
      at += code === backslash ? 2 : 1;
    }
    at++;
    if (isPlain) return text.slice(start + 1, at - 1);
    const string: string = JSON.parse(text.slice(start, at));
    return /\p{Surrogate}/u.test(string) ? fail('surrogates in pairs') : string;
  }

  return parseValue;
}

const blanks = [' ', '\n', '\r', '\t'];
const quote = 0x22;
const backslash = 0x5c;
const lineComment = /\/\/[^\0\n]*/y;
const literal = /true|false|null/y;
const numeral = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
