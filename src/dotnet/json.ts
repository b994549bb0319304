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
  // A string is matched first and kept, so that `//` in a URL is no comment. What never ends is matched
  // to the end of the text, or a hostile one would be searched to its end from every `/*` in it.
  return JSON.parse(
    text.replace(/"[^"\\]*(?:\\.[^"\\]*)*"?|\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/g, (token) =>
      token.startsWith('"') ? token : ' ',
    ),
  );
}
