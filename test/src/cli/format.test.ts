import { describe, expect, it } from 'vitest';
import { formatTable, jsonText, printable, quoteWords } from '../../../src/cli/format.ts';

describe('printable', () => {
  it.each([
    ['an ANSI escape', 'a\u001b[31mb\u0007', 'a\\x1b[31mb\\x07'],
    ['a C1 control', '\u009b5m', '\\u009b5m'],
    ['text that turns its direction', 'a\u202eb\u2066', 'a\\u202eb\\u2066'],
    ['a byte that is not UTF-8', '\udcff', '\\xff'],
    ['letters of any script', 'Grüße 世界', 'Grüße 世界'],
  ])('shows %s', (_what, text, shown) => {
    expect(printable(text)).toBe(shown);
  });
});

describe('jsonText', () => {
  it('gives a terminal nothing to obey and a parser the same value', () => {
    const value = { name: '\u009b5m\u001b[1m\u007f\u202e\u2028\udcff', list: ['Grüße 世界'] };
    expect(jsonText(value)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\udcff]/);
    expect(jsonText(value)).toContain('Grüße 世界');
    expect(JSON.parse(jsonText(value, 2))).toEqual(value);
  });
});

describe('quoteWords', () => {
  it('quotes a word when a reader could not tell where it ends', () => {
    expect(quoteWords(['/app/x', 'a disk', ''])).toBe('/app/x "a disk" ""');
  });
});

describe('formatTable', () => {
  it('pads columns and leaves no blanks at the ends of lines', () => {
    expect(formatTable(['A', 'B'], [['long', 'x']])).toBe('A     B\nlong  x\n');
  });

  it('takes more rows than a call takes arguments', () => {
    const rows = Array.from({ length: 200_000 }, () => ['long']);
    expect(formatTable(['A'], rows)).toHaveLength(2 + 5 * rows.length);
  });
});
