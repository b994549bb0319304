import { InvalidArgumentError } from 'commander';
import type { Criteria, Range } from '../look/criteria.ts';
import { readSize } from './units.ts';

const letters = ['f', 'd', 'l', 'c', 'b', 'p'];

/**
 * As `parse`, for an option whose last value must not win over the others in silence: find(1) wants all of
 * them.
 */
export function once<T>(parse: (text: string) => T): (text: string, previous?: T) => T {
  return (text, previous) => {
    if (previous === undefined) return parse(text);
    throw new InvalidArgumentError('wanted it once: it was given before');
  };
}

/** `f,d`. */
export function parseTypes(text: string): readonly string[] {
  const types = text.split(',').map((type) => type.trim());
  if (types.every((type) => letters.includes(type))) return types;
  throw new InvalidArgumentError(`wanted some of ${letters.join(',')}`);
}

/** `+N` more than N, `-N` less, `N` exactly. */
export function parseCountRange(text: string): Range {
  return rangeOf(text, (number) => {
    if (/^\d{1,15}$/.test(number)) return Number(number);
    throw new InvalidArgumentError('wanted N, +N for more or -N for less');
  });
}

/** As `parseCountRange`; in bytes, or with a unit as `readSize` has them. */
export function parseSizeRange(text: string): Range {
  return rangeOf(text, (typed) => {
    const size = readSize(typed.replace(/c$/, ''));
    if (size !== undefined) return size;
    throw new InvalidArgumentError('wanted a size such as 20G, +512MiB or -1c (powers of 1024)');
  });
}

function rangeOf(text: string, parse: (number: string) => number): Range {
  const sign = /^[+-]/.exec(text)?.[0];
  const number = parse(sign ? text.slice(1) : text);
  if (sign === '+') return { least: number + 1, most: Number.POSITIVE_INFINITY };
  return { least: sign === '-' ? 0 : number, most: sign === '-' ? number - 1 : number };
}

/** Octal: `644` exactly that, `-6000` all of these bits, `/6000` any of them. */
export function parsePerm(text: string): NonNullable<Criteria['perm']> {
  const [, sign, digits] = /^([-/]?)([0-7]{1,4})$/.exec(text) ?? [];
  if (digits === undefined) throw new InvalidArgumentError('wanted MODE, -MODE or /MODE, in octal');
  const want = sign === '/' ? 'any' : sign === '-' ? 'all' : 'exactly';
  return { want, bits: Number.parseInt(digits, 8) };
}

/** `2025-01-31`, `2025-01-31T09:30[:00][Z]`, always UTC, or `@SECONDS`. */
export function parseTime(text: string): number {
  const seconds = /^@(-?\d{1,15}(?:\.\d{1,9})?)$/.exec(text)?.[1];
  if (seconds !== undefined) return Number(seconds);
  const [, day, time] = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)Z?)?$/.exec(text) ?? [];
  const parsed = Date.parse(`${day}T${time ?? '00:00'}Z`) / 1000;
  // 31 February would be 3 March.
  const isDay =
    !Number.isNaN(parsed) && new Date(parsed * 1000).toISOString().startsWith(`${day}T`);
  if (isDay) return parsed;
  throw new InvalidArgumentError('wanted a time such as 2025-01-31, 2025-01-31T09:30Z or @SECONDS');
}

/** The beginning is enough. */
export function parseDigestStart(text: string): string {
  const hex = /^(?:sha256:)?([\da-f]{1,64})$/i.exec(text)?.[1];
  if (hex !== undefined) return `sha256:${hex.toLowerCase()}`;
  throw new InvalidArgumentError('wanted sha256:HEX or the beginning of it');
}

export function parseDepth(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('wanted a number from 0 on');
}
