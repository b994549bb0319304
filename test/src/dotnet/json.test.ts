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
    ['{"a": 1, "a": 2, "b": {"c": [3], "c": 4}}', { a: 1, b: { c: [3] } }],
    ['{"a": 1} and more', { a: 1 }],
    ['[1]/* open', [1]],
    ['[true]\0{', [true]],
    ['["\\ud83d\\ude00", "\\u0000"]', ['\u{1f600}', '\0']],
    [' \t\r\n{ } ', {}],
    ['[-0.5e+1, 1e-400, [], null]', [-5, 0, [], null]],
  ])('reads %s', (text, value) => {
    expect(parse(text)).toEqual(value);
  });

  it.each([
    ...[
      '',
      '"a',
      '[1e400]',
      '[01]',
      '[1.]',
      '[+1]',
      '[NaN]',
      '[tru]',
      '[1,]',
      '{"a":1,}',
      "{'a':1}",
    ],
    ...[
      '["\\ud800"]',
      '["\\udc00\\ud800"]',
      '["\\v"]',
      '["\t"]',
      '["\0"]',
      '\f[]',
      '/* open',
      '[1 2]',
    ],
    ...['['.repeat(1000), '{"a":'.repeat(1000)],
    ...['/', '{"a"://\n}', '\\"a"', '*/1'],
  ])('refuses %s', (text) => {
    expect(() => parse(text)).toThrow(SyntaxError);
  });

  it('reads a string of millions of escapes', () => {
    expect(parse(`"/${'\\\\'.repeat(7 << 20)}"`)).toHaveLength(1 + (7 << 20));
  });

  it('takes bytes that are not UTF-8 for U+FFFD', () => {
    expect(parseHostJson(Buffer.from([0x22, 0xff, 0x22]))).toBe('\ufffd');
  });

  it('gives objects no prototype, so that a name of one is a member like others', () => {
    const object = parse('{"__proto__": {"a": 1}, "constructor": 2}');
    expect(Object.entries(Object(object))).toEqual([
      ['__proto__', { a: 1 }],
      ['constructor', 2],
    ]);
  });

  it('passes over a million comments', () => {
    expect(parse(`${'/**/'.repeat(1 << 20)}1`)).toBe(1);
  });
});
