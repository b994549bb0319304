/** One place of a pattern: any characters, or one of those that the function allows, by code point. */
type Part = '*' | Test;

type Test = (character: number) => boolean;

/**
 * A pattern as find(1) has it (fnmatch(3) without flags): `*` stands for any characters, also none and
 * also `/`; `?` for one; `[a-z]`, `[!a-z]` and `[[:digit:]]` for one of a set; a backslash takes the next
 * character as it is. A byte that is not UTF-8 is one character. Takes time in the product of both
 * lengths at most, whatever the names are.
 */
export function compileGlob(pattern: string): (text: string) => boolean {
  const parts = parse([...pattern]);
  return parts ? (text) => matches(parts, text) : () => false;
}

function matches(parts: readonly Part[], text: string): boolean {
  let at = 0;
  let part = 0;
  /** The last star met, and where what stands behind it was last tried. */
  let star = -1;
  let tried = 0;
  while (at < text.length) {
    const one = parts[part];
    if (one === '*') {
      star = part;
      tried = at;
      part += 1;
    } else if (one?.(codeAt(text, at))) {
      at += widthAt(text, at);
      part += 1;
    } else if (star >= 0) {
      // Stars before the last one need not move: what it stands for makes up for them.
      tried += widthAt(text, tried);
      at = tried;
      part = star + 1;
    } else {
      return false;
    }
  }
  return parts.slice(part).every((one) => one === '*');
}

function codeAt(text: string, at: number): number {
  return text.codePointAt(at) ?? 0;
}

function widthAt(text: string, at: number): number {
  return codeAt(text, at) > 0xffff ? 2 : 1;
}

/** @returns undefined for a pattern that ends in a lone backslash: nothing matches it. */
function parse(pattern: readonly string[]): readonly Part[] | undefined {
  const parts: Part[] = [];
  for (let at = 0; at < pattern.length; at += 1) {
    const character = pattern[at];
    const set = character === '[' ? setAt(pattern, at) : undefined;
    if (set) {
      parts.push(set.has);
      at = set.end;
    } else if (character === '*') {
      if (parts.at(-1) !== '*') parts.push('*');
    } else if (character === '?') {
      parts.push(() => true);
    } else {
      if (character === '\\') at += 1;
      const literal = pattern[at];
      if (literal === undefined) return undefined;
      const code = codeAt(literal, 0);
      parts.push((one) => one === code);
    }
  }
  return parts;
}

interface CharacterSet {
  readonly has: Test;
  /** Where its closing bracket stands. */
  readonly end: number;
}

/** The bracket expression at `start`; undefined where none ends: then `[` means itself. */
function setAt(pattern: readonly string[], start: number): CharacterSet | undefined {
  const negated = /[!^]/.test(pattern[start + 1] ?? '');
  const first = start + (negated ? 2 : 1);
  const tests: Test[] = [];
  let at = first;
  while (at === first || pattern[at] !== ']') {
    const name = classAt(pattern, at);
    if (name !== undefined) {
      const known = classes[name];
      tests.push((one) => known?.test(String.fromCodePoint(one)) ?? false);
      at += name.length + 4;
      continue;
    }
    const [low, afterLow] = memberAt(pattern, at);
    const isRange = pattern[afterLow] === '-' && (pattern[afterLow + 1] ?? ']') !== ']';
    const [high, afterHigh] = isRange ? memberAt(pattern, afterLow + 1) : [low, afterLow];
    if (low === undefined || high === undefined) return undefined;
    const [least, most] = [codeAt(low, 0), codeAt(high, 0)];
    tests.push((one) => least <= one && one <= most);
    at = afterHigh;
  }
  return { has: (one) => tests.some((test) => test(one)) !== negated, end: at };
}

function memberAt(pattern: readonly string[], at: number): [string | undefined, number] {
  return pattern[at] === '\\' ? [pattern[at + 1], at + 2] : [pattern[at], at + 1];
}

/** The NAME of `[:NAME:]`. */
function classAt(pattern: readonly string[], at: number): string | undefined {
  if (pattern[at] !== '[' || pattern[at + 1] !== ':') return undefined;
  return /^([a-z]+):\]/.exec(pattern.slice(at + 2, at + 10).join(''))?.[1];
}

/** Of ASCII, as in the C locale. */
const classes: Readonly<Record<string, RegExp>> = {
  alnum: /[0-9A-Za-z]/,
  alpha: /[A-Za-z]/,
  blank: /[\t ]/,
  cntrl: /[\x00-\x1f\x7f]/,
  digit: /[0-9]/,
  graph: /[!-~]/,
  lower: /[a-z]/,
  print: /[ -~]/,
  punct: /[!-/:-@[-`{-~]/,
  space: /[\t-\r ]/,
  upper: /[A-Z]/,
  xdigit: /[0-9A-Fa-f]/,
};
