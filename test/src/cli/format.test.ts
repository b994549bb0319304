import { describe, expect, it } from 'vitest';
import { formatTable, printable, quoteWords } from '../../../src/cli/format.ts';

describe('printable', () => {
  it.each([
    ['an ANSI escape', 'a\u001b[31mb\u0007', 'a\\x1b[31mb\\x07'],
    ['a C1 control', '\u009b5m', '\\x9b5m'],
    ['text that turns its direction', 'a\u202eb\u2066', 'a\\u202eb\\u2066'],
    ['a byte that is not UTF-8', '\udcff', '\\xff'],
    ['letters of any script', 'Grüße 世界', 'Grüße 世界'],
  ])('shows %s', (_what, text, shown) => {
    expect(printable(text)).toBe(shown);
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
});
