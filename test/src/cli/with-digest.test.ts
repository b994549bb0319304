import { expect, it } from 'vitest';
import { withDigest } from '../../../src/cli/with-digest.ts';

const [index, manifest] = ['a', 'b'].map((digit) => `sha256:${digit.repeat(64)}`);

it.each([
  ['acme.test/web:1.0', `acme.test/web:1.0@${manifest}`],
  [`acme.test/web@${manifest}`, `acme.test/web@${manifest}`],
  [`acme.test/web@${index}`, `acme.test/web@${manifest}`],
  [`acme.test/web:1.0@${index}`, `acme.test/web:1.0@${manifest}`],
  ['me@home', `me@home@${manifest}`],
])('withDigest names what %s means', (name, wanted) => {
  expect(withDigest(name, `${manifest}`)).toBe(wanted);
});
