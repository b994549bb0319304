import { describe, expect, test } from 'vitest';
import { parseAge, parseSize } from '../../../src/cli/units.ts';

describe('parseAge', () => {
  test.each([
    ['30d', 30 * 24 * 3_600_000],
    ['12h', 12 * 3_600_000],
    ['1h30m', 5_400_000],
    ['2w', 14 * 24 * 3_600_000],
    ['0s', 0],
  ])('reads %s as %d ms', (text, wanted) => {
    expect(parseAge('--for')(text)).toBe(wanted);
  });

  test.each(['', '30', 'd', '30 d', '-1d', '1.5h', '3y', '1h30', 'h1', '999999999w', '1d\n'])(
    'refuses %j',
    (text) => {
      expect(() => parseAge('--older-than')(text)).toThrow(/^reading --older-than: found /);
    },
  );
});

describe('parseSize', () => {
  test.each([
    ['20G', 20 * 2 ** 30],
    ['512MiB', 512 * 2 ** 20],
    ['1.5t', 1.5 * 2 ** 40],
    ['10kb', 10_240],
    ['7', 7],
    ['7B', 7],
    ['0', 0],
  ])('reads %s as %d bytes', (text, wanted) => {
    expect(parseSize('--max-size')(text)).toBe(wanted);
  });

  test.each(['', 'G', '-1', '1,5G', '1e3', '20 G', '20X', '9999999P', '1..5G', '0x10', '1G\n'])(
    'refuses %j',
    (text) => {
      expect(() => parseSize('--max-size')(text)).toThrow(/^reading --max-size: found /);
    },
  );
});
