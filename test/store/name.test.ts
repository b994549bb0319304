import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareNames, decodeName, encodeName } from '../../store/index.ts';

/** Bytes that look like UTF-8 and often are not. */
const trickyBytes = fc
  .array(
    fc.oneof(
      fc.constantFrom(0x61, 0x7f, 0x80, 0xbf, 0xc0, 0xc2, 0xe0, 0xed, 0xa0, 0xef, 0xf0, 0xf4, 0xff),
      fc.integer({ min: 0, max: 255 }),
    ),
  )
  .map((bytes) => Buffer.from(bytes));

test('encodeName gives back the bytes of decodeName, whatever they are', () => {
  fc.assert(
    fc.property(trickyBytes, (bytes) => {
      expect(encodeName(decodeName(bytes))).toEqual(bytes);
    }),
    { numRuns: 5000 },
  );
});

test('decodeName gives back the string of encodeName when it is well formed', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(decodeName(encodeName(text))).toBe(text);
    }),
  );
});

test.each([
  ['plain', 'plain'],
  ['latin1 é', Buffer.from([0xe9]), '\udce9'],
  ['a byte order mark', Buffer.from([0xef, 0xbb, 0xbf, 0x61]), '\ufeffa'],
  ['a replacement character', Buffer.from([0xef, 0xbf, 0xbd]), '\ufffd'],
  ['an encoded surrogate', Buffer.from([0xed, 0xb2, 0x80]), '\udced\udcb2\udc80'],
  ['an overlong slash', Buffer.from([0xc0, 0xaf]), '\udcc0\udcaf'],
  ['a cut-off emoji', Buffer.from([0xf0, 0x9f, 0x98]), '\udcf0\udc9f\udc98'],
  ['beyond Unicode', Buffer.from([0xf4, 0x90, 0x80, 0x80]), '\udcf4\udc90\udc80\udc80'],
  ['valid after invalid', Buffer.from([0xff, 0xc3, 0xa9]), '\udcffé'],
])('decodeName carries %s', (_, bytes, text = 'plain') => {
  expect(decodeName(Buffer.from(bytes))).toBe(text);
});

test('compareNames orders as the bytes do', () => {
  const name = fc.oneof(
    trickyBytes.map(decodeName),
    fc.string({ unit: 'binary' }),
    fc
      .array(fc.constantFrom('a', '\uffee', '😀', '\udcff', 'é'), { maxLength: 4 })
      .map((p) => p.join('')),
  );
  fc.assert(
    fc.property(name, name, (a, b) => {
      const bytes = Buffer.compare(encodeName(a), encodeName(b));
      expect(Math.sign(compareNames(a, b))).toBe(bytes);
    }),
    { numRuns: 5000 },
  );
});
