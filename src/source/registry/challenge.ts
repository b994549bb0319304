/** One way to authenticate that a server offers (RFC 9110 section 11.3). */
export interface Challenge {
  /** In lower case: `bearer`, `basic`. */
  readonly scheme: string;
  /** By names in lower case; of a repeated name the first. */
  readonly parameters: ReadonlyMap<string, string>;
}

const token = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const separators = /[ \t,]*/y;
const spaces = /[ \t]+/y;
const equals = /[ \t]*=[ \t]*/y;
const quoted = /"((?:[^"\\]|\\.)*)"/sy;
const token68 = /[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))/y;

/**
 * Reads a WWW-Authenticate value, which may hold several challenges: a comma separates parameters
 * as well as challenges, and only what follows tells which (RFC 9110 section 11.6.1). What comes
 * after a malformed part is left out; nothing is ever thrown.
 */
export function parseChallenges(text: string): readonly Challenge[] {
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  let at = 0;

  function take(pattern: RegExp): string | undefined {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match === null) {
      return undefined;
    }
    at = pattern.lastIndex;
    return match[1] ?? match[0];
  }

  for (;;) {
    take(separators);
    const name = take(token)?.toLowerCase();
    if (name === undefined) {
      return challenges;
    }
    const current = challenges.at(-1);
    if (take(equals) !== undefined) {
      const value = take(quoted)?.replace(/\\(.)/gs, '$1') ?? take(token);
      if (current === undefined || value === undefined) {
        return challenges;
      }
      if (!current.parameters.has(name)) {
        current.parameters.set(name, value);
      }
      continue;
    }
    challenges.push({ scheme: name, parameters: new Map() });
    if (take(spaces) !== undefined) {
      take(token68);
    }
  }
}
