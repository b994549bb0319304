import { ConvertError } from '../error.ts';

const second = 1000;
const day = 24 * 60 * 60 * second;

const ages: Readonly<Record<string, number>> = {
  s: second,
  m: 60 * second,
  h: 60 * 60 * second,
  d: day,
  w: 7 * day,
};

/**
 * Reads the value of `option`, such as `30d`, `12h` or `1h30m`, as milliseconds.
 * @throws ConvertError `USAGE`.
 */
export function parseAge(option: string): (text: string) => number {
  return (text) => {
    const parts = [...text.matchAll(/(\d{1,9})([smhdw])/g)];
    const age = parts.reduce((sum, [, number, unit = '']) => {
      return sum + Number(number) * (ages[unit] ?? Number.NaN);
    }, 0);
    if (parts.length > 0 && parts.map(([part]) => part).join('') === text && isTime(age)) {
      return age;
    }
    throw wrong(option, text, 'an age such as 30d, 12h or 1h30m (units s, m, h, d, w)');
  };
}

/** Three weeks: timers of node know no more than 24 days. */
const mostSeconds = 21 * 24 * 3600;

/**
 * Reads the value of `option`, seconds such as `10` or `0.5`, as milliseconds.
 * @throws ConvertError `USAGE`.
 */
export function parseSeconds(option: string, text: string, least = 0): number {
  const seconds = /^\d{1,7}(?:\.\d{1,3})?$/.test(text) ? Number(text) : -1;
  if (seconds >= least && seconds <= mostSeconds) return Math.ceil(seconds * second);
  throw wrong(option, text, `seconds, ${least} to ${mostSeconds}`);
}

/** Within what a Date can tell, counted from now. */
function isTime(age: number): boolean {
  return age <= 100_000_000 * day - Date.now();
}

/**
 * Reads the value of `option` as `readSize` does.
 * @throws ConvertError `USAGE`.
 */
export function parseSize(option: string): (text: string) => number {
  return (text) => {
    const size = readSize(text);
    if (size !== undefined) return size;
    throw wrong(option, text, 'a size such as 20G, 512MiB or 1.5T (powers of 1024)');
  };
}

/**
 * `20G`, `512MiB` or `1.5g` as bytes: powers of 1024, as docker and podman mean them; undefined for what is
 * no size.
 */
export function readSize(text: string): number | undefined {
  const [, number, unit = ''] = /^(\d{1,15}(?:\.\d{1,3})?)([kmgtp]?)i?b?$/i.exec(text) ?? [];
  const size = Math.floor(Number(number) * 1024 ** ' kmgtp'.indexOf(unit.toLowerCase() || ' '));
  return Number.isSafeInteger(size) ? size : undefined;
}

function wrong(option: string, text: string, wanted: string): ConvertError {
  const found = JSON.stringify(text.slice(0, 40));
  return new ConvertError('USAGE', `reading ${option}: found ${found}, wanted ${wanted}`);
}
