import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseChallenges } from '../../../src/source/registry/challenge.ts';

const plain = (text: string) =>
  parseChallenges(text).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);

describe('parseChallenges', () => {
  test.each([
    [
      'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull"',
      [
        [
          'bearer',
          {
            realm: 'https://auth.docker.io/token',
            service: 'registry.docker.io',
            scope: 'repository:a/b:pull',
          },
        ],
      ],
    ],
    [
      'Basic realm="x, y", Bearer realm="z",scope="a:b:pull,push"',
      [
        ['basic', { realm: 'x, y' }],
        ['bearer', { realm: 'z', scope: 'a:b:pull,push' }],
      ],
    ],
    [
      'Negotiate, NTLM abc==, BEARER Realm = z , error="invalid_token"',
      [
        ['negotiate', {}],
        ['ntlm', {}],
        ['bearer', { realm: 'z', error: 'invalid_token' }],
      ],
    ],
    ['Bearer realm="a \\"b\\" \\\\c"', [['bearer', { realm: 'a "b" \\c' }]]],
    ['Bearer realm="a",realm="b"', [['bearer', { realm: 'a' }]]],
    ['Bearer realm=""', [['bearer', { realm: '' }]]],
    [', ,Bearer realm=a,,', [['bearer', { realm: 'a' }]]],
    ['Basic', [['basic', {}]]],
    ['', []],
    ['realm="x"', []],
    ['Bearer realm="open', [['bearer', {}]]],
    ['Bearer realm=a, x=, Basic', [['bearer', { realm: 'a' }]]],
  ])('reads %j', (text, challenges) => {
    expect(plain(text)).toEqual(challenges);
  });

  const tokens = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_-]{0,8}$/);
  const parameters = fc
    .dictionary(
      tokens.map((name) => name.toLowerCase()),
      fc.string(),
      { minKeys: 1, maxKeys: 4, noNullPrototype: true },
    )
    .map((pairs) => Object.entries(pairs));

  test('reads back what was written when there are several challenges in one header', () => {
    const challenges = fc.array(fc.tuple(tokens, parameters), { maxLength: 4 });
    fc.assert(
      fc.property(challenges, (written) => {
        const text = written
          .map(
            ([scheme, pairs]) =>
              `${scheme} ${pairs.map(([name, value]) => `${name}="${value.replace(/["\\]/g, '\\$&')}"`).join(', ')}`,
          )
          .join(', ');
        const read = parseChallenges(text).map((each) => [each.scheme, [...each.parameters]]);
        expect(read).toEqual(written.map(([scheme, pairs]) => [scheme.toLowerCase(), pairs]));
      }),
    );
  });

  test('never throws and always ends when the header is arbitrary', () => {
    const pieces = fc.constantFrom(
      'Bearer',
      ' ',
      ',',
      '=',
      '"',
      '\\',
      'realm',
      'x',
      '==',
      '\t',
      '\0',
      'é',
    );
    const texts = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(pieces).map((all) => all.join('')),
    );
    fc.assert(
      fc.property(texts, (text) => {
        for (const { scheme } of parseChallenges(text)) {
          expect(scheme).toMatch(/^[!#$%&'*+.^_`|~0-9a-z-]+$/);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('takes linear time when the header is long and hostile', () => {
    for (const piece of ['Bearer ', 'a,', 'a="', 'a=\\"', '=', '"\\']) {
      expect(parseChallenges(piece.repeat(16_384)).length).toBeLessThanOrEqual(16_384);
    }
  });
});
