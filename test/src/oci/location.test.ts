import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ConvertError } from '../../../src/error.ts';
import { formatLocation, nameOf, parseLocation } from '../../../src/oci/location.ts';
import { formatReference, parseReference } from '../../../src/oci/reference.ts';

const digest = `sha256:${'0123456789abcdef'.repeat(4)}`;

describe('parseLocation', () => {
  test.each([
    ['oci:img', { transport: 'oci', path: 'img' }],
    ['oci:/a/b:1.0', { transport: 'oci', path: '/a/b', tag: '1.0' }],
    ['oci:d:docker.io/library/x:1', { transport: 'oci', path: 'd', tag: 'docker.io/library/x:1' }],
    [`oci:d@${digest}`, { transport: 'oci', path: 'd', digest }],
    [`oci:d:x@${digest}`, { transport: 'oci', path: 'd', tag: `x@${digest}` }],
    ['oci:a@b:t', { transport: 'oci', path: 'a@b', tag: 't' }],
    ['oci-archive:a.tar', { transport: 'oci-archive', path: 'a.tar' }],
    ['oci-archive:a.tar:v', { transport: 'oci-archive', path: 'a.tar', tag: 'v' }],
    ['docker-archive:a.tar', { transport: 'docker-archive', path: 'a.tar' }],
    ['docker-archive:a.tar:x/y:2', { transport: 'docker-archive', path: 'a.tar', tag: 'x/y:2' }],
    ['docker-archive:a.tar:x', { transport: 'docker-archive', path: 'a.tar', tag: 'x' }],
    [`docker-archive:a.tar@${digest}`, { transport: 'docker-archive', path: 'a.tar', digest }],
    ['store:kernel/osv', { transport: 'store', name: 'kernel/osv' }],
  ])('reads %s', (text, location) => {
    expect(parseLocation(text)).toEqual(location);
  });

  test.each([
    ['nginx', 'nginx'],
    ['docker://nginx', 'nginx'],
    ['docker:27', 'docker:27'],
    ['docker://[::1]:5000/a@', undefined],
    ['docker-registry.example:5/oci', 'docker-registry.example:5/oci'],
    [`mcr.microsoft.com/x:1@${digest}`, `mcr.microsoft.com/x:1@${digest}`],
  ])('takes %s for an image of a registry', (text, name) => {
    if (name === undefined) {
      expect(() => parseLocation(text)).toThrowError(/found the digest/);
    } else {
      const reference = parseReference(name);
      expect(parseLocation(text)).toEqual({ transport: 'registry', reference });
    }
  });

  test.each([
    ['oci:', 'found no path'],
    ['oci::tag', 'found no path'],
    ['oci:dir:', 'found the tag ""'],
    ['oci:dir:a b', 'found the tag "a b"'],
    ['oci:dir@sha256:abc', 'found the digest "sha256:abc"'],
    ['oci-archive:', 'found no path'],
    ['oci-archive:a\0b', 'found a NUL'],
    ['docker-archive:a.tar:UPPER', 'wanted lower case'],
    ['docker-archive:a.tar:', 'found the tag ""'],
    ['store:', 'found no name'],
    ['docker://', 'no image name'],
    ['docker-daemon:nginx:latest', 'of a daemon'],
    ['containers-storage:nginx', 'of another storage'],
    ['./app.tar', 'a path without a transport'],
    ['/srv/app', 'a path without a transport'],
    ['~/app', 'a path without a transport'],
  ])('refuses %j and says why', (text, why) => {
    expect(() => parseLocation(text)).toThrowError(
      expect.objectContaining({
        code: 'REFERENCE_INVALID',
        message: expect.stringContaining(why),
        hint: expect.any(String),
      }),
    );
  });

  const pieces = fc.constantFrom(
    'oci:',
    'oci-archive:',
    'docker-archive:',
    'docker://',
    'store:',
    'a',
    'Z',
    '0',
    ':',
    '/',
    '@',
    '.',
    ' ',
    digest,
  );
  const texts = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(pieces, { maxLength: 10 }).map((parts) => parts.join('')),
  );

  test('returns a location that is read back equal, or REFERENCE_INVALID, when the text is arbitrary', () => {
    fc.assert(
      fc.property(texts, (text) => {
        try {
          const location = parseLocation(text);
          expect(parseLocation(formatLocation(location))).toEqual(location);
        } catch (error) {
          expect(error).toBeInstanceOf(ConvertError);
          expect(error).toHaveProperty('code', 'REFERENCE_INVALID');
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('nameOf', () => {
  test.each([
    ['nginx', 'docker.io/library/nginx:latest'],
    ['oci:/srv/img', 'localhost/img:latest'],
    ['oci:/srv/img/', 'localhost/img:latest'],
    ['oci:img:1.0', 'localhost/img:1.0'],
    ['oci:img:acme/app:1', 'docker.io/acme/app:1'],
    ['oci:img:acme/App:1', 'localhost/img:acme-App-1'],
    [`oci:img@${digest}`, `localhost/img@${digest}`],
    ['oci-archive:/x/My App (2).tar.gz', 'localhost/my-app-2:latest'],
    ['oci-archive:..:v1', 'localhost/image:v1'],
    ['docker-archive:a.tar', 'localhost/a:latest'],
    ['docker-archive:a.tar:web', 'docker.io/library/web:latest'],
    ['docker-archive:web.tar:web:2', 'docker.io/library/web:2'],
    ['store:kernel/osv', 'kernel/osv'],
  ])('names %s %s', (text, name) => {
    expect(nameOf(parseLocation(text))).toBe(name);
  });

  test('is a full reference when the location is a file', () => {
    const word = fc.oneof(
      fc.stringMatching(/^[A-Za-z0-9_./-]{1,20}$/),
      fc.string({ unit: 'grapheme', minLength: 1 }),
    );
    fc.assert(
      fc.property(fc.constantFrom('oci', 'oci-archive'), word, word, (transport, path, tag) => {
        fc.pre(!/[:@\0]/.test(path) && !/[\0-\x20\x7f@]/.test(tag));
        const name = nameOf(parseLocation(`${transport}:${path}:${tag}`));
        expect(formatReference(parseReference(name))).toBe(name);
      }),
      { numRuns: 1000 },
    );
  });
});
