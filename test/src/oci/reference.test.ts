import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ConvertError } from '../../../src/error.ts';
import { formatReference, parseReference, splitRegistry } from '../../../src/oci/reference.ts';

const digest = `sha256:${'0123456789abcdef'.repeat(4)}`;

describe('parseReference', () => {
  test.each([
    ['nginx', 'docker.io', 'library/nginx', 'latest'],
    ['nginx:1.29', 'docker.io', 'library/nginx', '1.29'],
    ['acme/app', 'docker.io', 'acme/app', 'latest'],
    ['docker.io/nginx', 'docker.io', 'library/nginx', 'latest'],
    ['docker.io/library/nginx:a', 'docker.io', 'library/nginx', 'a'],
    ['index.docker.io/acme/app', 'docker.io', 'acme/app', 'latest'],
    ['registry-1.docker.io/nginx', 'docker.io', 'library/nginx', 'latest'],
    ['localhost/app', 'localhost', 'app', 'latest'],
    ['localhost:5000/app:1', 'localhost:5000', 'app', '1'],
    ['127.0.0.1:5000/a/b/c:x.y', '127.0.0.1:5000', 'a/b/c', 'x.y'],
    ['[::1]:5000/app', '[::1]:5000', 'app', 'latest'],
    ['[2001:db8::1]/app:2', '[2001:db8::1]', 'app', '2'],
    ['MCR.Microsoft.com/dotnet/runtime:10.0', 'mcr.microsoft.com', 'dotnet/runtime', '10.0'],
    ['registry:0443/app', 'registry:443', 'app', 'latest'],
    ['example.com/a__b/c-d--e/f.g:_t', 'example.com', 'a__b/c-d--e/f.g', '_t'],
    ['localhosted/app', 'docker.io', 'localhosted/app', 'latest'],
    ['app:5000', 'docker.io', 'library/app', '5000'],
  ])('reads %s', (text, registry, repository, tag) => {
    expect(parseReference(text)).toEqual({ registry, repository, tag });
  });

  test('keeps a digest, and a tag beside it, and adds no tag to it', () => {
    expect(parseReference(`ghcr.io/a/b@${digest}`)).toEqual({
      registry: 'ghcr.io',
      repository: 'a/b',
      digest,
    });
    expect(parseReference(`[::1]:5/a:1@${digest}`)).toEqual({
      registry: '[::1]:5',
      repository: 'a',
      tag: '1',
      digest,
    });
  });

  test.each([
    ['', 'no image name'],
    ['example.com/', 'no image name'],
    ['example.com:5000/', 'no image name'],
    ['Nginx', 'wanted lower case'],
    ['Acme/app', 'wanted lower case'],
    ['example.com/App', 'wanted lower case'],
    ['a//b', 'found the name component ""'],
    ['-a', 'found the name component "-a"'],
    ['a..b/c', 'found the host "a..b"'],
    ['a___b', 'found the name component "a___b"'],
    ['x/../y', 'found the name component ".."'],
    ['nginx:', 'found the tag ""'],
    ['nginx:.a', 'found the tag ".a"'],
    [`nginx:${'a'.repeat(129)}`, 'found the tag'],
    ['nginx:a b', 'found the tag "a b"'],
    ['a@b@c', 'at most one "@"'],
    ['nginx@sha256:abc', 'found the digest "sha256:abc"'],
    [`nginx@sha512:${'a'.repeat(128)}`, 'wanted "sha256:"'],
    [`nginx@${digest.toUpperCase()}`, 'found the digest'],
    ['docker://nginx', 'without "docker://"'],
    ['https://example.com/a', 'without "https://"'],
    ['example.com:0/a', 'found the port 0'],
    ['example.com:65536/a', 'found the port 65536'],
    ['example.com:/a', 'found the host "example.com:"'],
    ['exa_mple.com/a', 'found the host "exa_mple.com"'],
    ['-example.com/a', 'found the host'],
    // No URL can hold these, or it would hold another host.
    ['1.2.3.4.5/a', 'found the host "1.2.3.4.5"'],
    ['app.123:5000/a', 'found the host "app.123:5000"'],
    ['0x7f.1/a', 'found the host "0x7f.1"'],
    ['[::1/a', 'found the host "[::1"'],
    ['[1.2.3.4]/a', 'found the host "[1.2.3.4]"'],
    ['[fe80::1%eth0]/a', 'found the host'],
    ['a'.repeat(64), 'found 64 hex digits'],
    [`example.com/${'a'.repeat(250)}`, 'found a name of 262 characters'],
    ['nginx\n', 'found the name component'],
  ])('refuses %j and says why', (text, why) => {
    expect(() => parseReference(text)).toThrowError(
      expect.objectContaining({
        code: 'REFERENCE_INVALID',
        message: expect.stringContaining(why),
        hint: expect.any(String),
      }),
    );
  });

  test('returns a reference or REFERENCE_INVALID when the text is arbitrary', () => {
    const pieces = fc.constantFrom(
      'a',
      'Z',
      '0',
      ':',
      '/',
      '@',
      '.',
      '[',
      ']',
      '-',
      '_',
      '::1',
      digest,
    );
    const texts = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(pieces, { maxLength: 12 }).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(texts, (text) => {
        try {
          const reference = parseReference(text);
          expect(parseReference(formatReference(reference))).toEqual(reference);
        } catch (error) {
          expect(error).toBeInstanceOf(ConvertError);
          expect(error).toHaveProperty('code', 'REFERENCE_INVALID');
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('formatReference', () => {
  const label = fc.stringMatching(/^[a-z0-9]{1,8}$/);
  const hosts = fc.oneof(
    fc
      .tuple(fc.array(label, { minLength: 1, maxLength: 2 }), fc.stringMatching(/^[a-z]{1,8}$/))
      .map(([labels, top]) => [...labels, top].join('.')),
    fc.ipV6().map((address) => `[${address}]`),
    fc.constantFrom('localhost', 'docker.io'),
  );
  const names = fc.record({
    host: hosts,
    port: fc.option(fc.integer({ min: 1, max: 65535 })),
    path: fc.array(label, { minLength: 1, maxLength: 4 }),
    tag: fc.option(fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}$/)),
    digest: fc.option(fc.constant(digest)),
  });

  test('gives the name back in full when a full name was parsed', () => {
    fc.assert(
      fc.property(names, ({ host, port, path, tag, digest }) => {
        const registry = port === null ? host : `${host}:${port}`;
        const hub = registry === 'docker.io' && path.length === 1;
        const name = `${registry}/${hub ? 'library/' : ''}${path.join('/')}`;
        const suffix = `${tag === null ? '' : `:${tag}`}${digest === null ? '' : `@${digest}`}`;
        const full = suffix === '' ? `${name}:latest` : name + suffix;
        expect(formatReference(parseReference(name + suffix))).toBe(full);
      }),
    );
  });

  test('is a ref name by the grammar of the OCI annotations when the host is no IPv6 address', () => {
    const grammar =
      /^(?:[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*)(?:\/[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*)*$/;
    for (const text of ['nginx', 'localhost:5000/a/b:1.2-c', `mcr.microsoft.com/x@${digest}`]) {
      expect(formatReference(parseReference(text))).toMatch(grammar);
    }
  });
});

test('splitRegistry takes the brackets off when the host is an IPv6 address', () => {
  expect(splitRegistry('[::1]:5000')).toEqual({ host: '::1', port: 5000 });
  expect(splitRegistry('example.com')).toEqual({ host: 'example.com', port: undefined });
});
