import { expect, test } from 'vitest';
import { parseReference } from '../../../src/oci/reference.ts';

test.each([
  'https://me:s3cret@quay.io/acme/app',
  'me:s3cret@quay.io/acme/app:1',
  'me:s3cret@localhost:5000/app',
  's3cret@quay.io',
  `me:s3cret@quay.io/app@sha256:${'a'.repeat(64)}`,
  'https://me:s3%2Fcret@[::1]:5000/app',
])('parseReference refuses %s without saying who the user is', (text) => {
  const refused = () => parseReference(text);
  expect(refused).toThrowError(expect.objectContaining({ code: 'REFERENCE_INVALID' }));
  expect(refused).toThrowError(
    expect.objectContaining({ message: expect.not.stringMatching(/s3|me:/) }),
  );
});

test('parseReference names the command that keeps a user when one stands before the host', () => {
  const refused = () => parseReference('me:s3cret@quay.io/acme/app');
  expect(refused).toThrowError('reading the reference "…@quay.io/acme/app": found a user before');
});
