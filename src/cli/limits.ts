import { defaultLimits, type Limits } from '../../store/index.ts';
import { ConvertError } from '../error.ts';
import { parseSize } from './units.ts';

/** What is counted; every other limit is a size. */
const counts: readonly string[] = ['entries', 'ratio'] satisfies (keyof Limits)[];

/**
 * Reads the `NAME=VALUE` words of `--limit`, such as `entries=2000000` or `layerSize=100G`; the last
 * of a name wins.
 * @throws ConvertError `USAGE`, naming the limits there are.
 */
export function parseLimits(words: readonly string[]): Partial<Limits> {
  return Object.fromEntries(words.map(parseLimit));
}

function parseLimit(word: string): [name: string, value: number] {
  const equals = word.indexOf('=');
  const name = equals === -1 ? word : word.slice(0, equals);
  if (equals === -1 || !Object.hasOwn(defaultLimits, name)) {
    const found = JSON.stringify(word.slice(0, 80));
    const names = Object.keys(defaultLimits).join(', ');
    throw usage(`reading --limit: found ${found}, wanted NAME=VALUE, NAME one of ${names}`);
  }
  const text = word.slice(equals + 1);
  const isCount = counts.includes(name);
  const value = isCount ? parseCount(text) : parseSize(`--limit ${name}`)(text);
  if (value >= 1) return [name, value];
  const found = JSON.stringify(text.slice(0, 40));
  throw usage(`reading --limit ${name}: found ${found}, wanted a whole number of at least 1`);
}

function parseCount(text: string): number {
  return /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
}

function usage(sentence: string): ConvertError {
  return new ConvertError('USAGE', sentence);
}
