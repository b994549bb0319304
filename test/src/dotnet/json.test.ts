import { describe, expect, it } from 'vitest';
import { parseHostJson } from '../../../src/dotnet/json.ts';

const parse = (text: string) => parseHostJson(Buffer.from(text));

describe('parseHostJson', () => {
  it.each([
    ['{"a": 1} // the end', { a: 1 }],
    ['// the beginning\n{"a"/**/: /* " */ 1}', { a: 1 }],
    [
      '{"url": "https://a/b", "c": "/* no comment */"}',
      { url: 'https://a/b', c: '/* no comment */' },
    ],
    ['{"quote": "\\"//", "path": "\\\\"} /* open', { quote: '"//', path: '\\' }],
    ['\ufeff[1/**/,/*/ still */2]', [1, 2]],
  ])('reads %s', (text, value) => {
    expect(parse(text)).toEqual(value);
  });

  it.each(['"a" "', '/', '{"a"://\n}', '\\"a"', '*/1'])('refuses %s', (text) => {
    expect(() => parse(text)).toThrow(SyntaxError);
  });

  it('reads a string of millions of escapes', () => {
    expect(parse(`"/${'\\\\'.repeat(7 << 20)}"`)).toHaveLength(1 + (7 << 20));
  });

  it('refuses bytes that are not UTF-8', () => {
    expect(() => parseHostJson(Buffer.from([0x22, 0xff, 0x22]))).toThrow(TypeError);
  });
});
