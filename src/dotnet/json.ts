/** The members of a JSON object, without what objects inherit. */
export type JsonObject = ReadonlyMap<string, unknown>;

export function objectOf(value: unknown): JsonObject | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? new Map(Object.entries(value))
    : undefined;
}

/**
 * JSON as the .NET host and SDK read it: UTF-8 with or without a byte order mark, comments allowed
 * (src/native/corehost/json_parser.cpp).
 * @throws SyntaxError, TypeError for bytes that are not UTF-8.
 */
export function parseHostJson(bytes: Uint8Array): unknown {
  const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  return JSON.parse(text.includes('/') ? withoutComments(text) : text);
}

/**
 * Each comment as a blank; one that never ends goes to the end of the text. What is in a string stays: `//`
 * in a URL is no comment. One pass, without a pattern for a whole string: a hostile one has millions of
 * escapes, of which each would be kept on the stack.
 */
function withoutComments(text: string): string {
  const marks = /\\.|"|\/\/|\/\*/gs;
  let kept = '';
  let from = 0;
  let inString = false;
  for (let mark = marks.exec(text); mark !== null; mark = marks.exec(text)) {
    const [sign] = mark;
    if (sign === '"') inString = !inString;
    if (inString || (sign !== '//' && sign !== '/*')) continue;
    const end = text.indexOf(sign === '//' ? '\n' : '*/', mark.index + 2);
    kept += `${text.slice(from, mark.index)} `;
    from = end === -1 ? text.length : end + (sign === '//' ? 0 : 2);
    marks.lastIndex = from;
  }
  return kept + text.slice(from);
}
