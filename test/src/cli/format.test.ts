import { describe, expect, it } from 'vitest';
import { formatTable, printable, quoteWords } from '../../../src/cli/format.ts';
import { createProgress } from '../../../src/cli/progress.ts';
import { digestOf } from '../../../store/index.ts';

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

describe('createProgress', () => {
  const digest = digestOf(Buffer.from('x'));
  const onScreen = (columns: number) => {
    const written: string[] = [];
    const screen = { isTTY: true, columns, write: (text: string) => written.push(text) };
    return { written, progress: createProgress({ quiet: false, progress: 'auto' }, screen, {}) };
  };

  it('measures writing alone when an image was pulled before', () => {
    const { written, progress } = onScreen(80);
    progress.onEvent({ event: 'download', digest, received: 1024, size: 4096 });
    progress.onEvent({ event: 'write', path: 'x', written: 1024, size: 2048 });
    expect(written.at(-1)).toContain('writing 1.0 KiB of 2.0 KiB (50 %)');
  });

  it('takes its line off the screen when it is cleared, once', () => {
    const { written, progress } = onScreen(20);
    progress.onEvent({ event: 'download', digest, received: 1024, size: 4096 });
    expect(written.at(-1)).toBe('\r\u001b[Kpulling 1.0 KiB of ');
    progress.clear();
    progress.clear();
    expect(written.slice(1)).toEqual(['\r\u001b[K']);
  });
});
