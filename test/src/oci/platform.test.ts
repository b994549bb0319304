import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  choosePlatform,
  formatPlatform,
  hintFor,
  normalizePlatform,
  parsePlatform,
  platformMatches,
} from '../../../src/oci/platform.ts';
import { type Descriptor, digestOf } from '../../../store/index.ts';
import { mediaTypes } from '../../support/descriptor.ts';

/** A descriptor of its own for each name; `mediaType` of the manifest unless given. */
function entry(name: string, change: Partial<Descriptor> = {}): Descriptor {
  const [os = '', architecture = '', variant] = name.split('/');
  const platform = { os, architecture, ...(variant !== undefined && { variant }) };
  const digest = digestOf(Buffer.from(name));
  return { mediaType: mediaTypes.oci.manifest, digest, size: 1, platform, ...change };
}

function bare(mediaType: string): Descriptor {
  return { mediaType, digest: digestOf(Buffer.from(mediaType)), size: 1 };
}

const attestation = entry('unknown/unknown', {
  annotations: { 'vnd.docker.reference.type': 'attestation-manifest' },
});

describe('parsePlatform', () => {
  test.each([
    ['linux/amd64', 'linux/amd64'],
    ['linux/x86_64', 'linux/amd64'],
    ['Linux/X86-64/v1', 'linux/amd64'],
    ['linux/amd64/v3', 'linux/amd64/v3'],
    ['linux/aarch64', 'linux/arm64'],
    ['linux/arm64/v8', 'linux/arm64'],
    ['linux/arm64/8', 'linux/arm64'],
    ['linux/arm', 'linux/arm'],
    ['linux/arm/v7', 'linux/arm'],
    ['linux/arm/6', 'linux/arm/v6'],
    ['linux/armhf', 'linux/arm'],
    ['linux/armel', 'linux/arm/v6'],
    ['linux/i386', 'linux/386'],
    ['windows/amd64', 'windows/amd64'],
  ])('reads %s as %s', (text, platform) => {
    expect(formatPlatform(parsePlatform(text))).toBe(platform);
  });

  test.each([
    '',
    'linux',
    'linux/',
    '/amd64',
    'linux/amd64/',
    'linux/a/b/c',
    'linux/am d',
    'a/b/é',
  ])('refuses %j', (text) => {
    expect(() => parsePlatform(text)).toThrowError(
      expect.objectContaining({ code: 'PLATFORM_INVALID', hint: '--platform linux/amd64' }),
    );
  });
});

test('normalizePlatform changes nothing when done twice', () => {
  const words = fc.constantFrom('amd64', 'x86_64', 'arm', 'arm64', 'armel', 'v1', '7', 'v8', '');
  fc.assert(
    fc.property(words, words, (architecture, variant) => {
      const once = normalizePlatform({ os: 'linux', architecture, variant });
      expect(normalizePlatform(once)).toEqual(once);
    }),
  );
});

describe('choosePlatform', () => {
  test.each([
    ['linux/amd64', ['linux/arm64', 'linux/amd64'], 'linux/amd64'],
    ['linux/arm64', ['linux/amd64', 'linux/arm64/v8'], 'linux/arm64/v8'],
    ['linux/arm64', ['linux/aarch64'], 'linux/aarch64'],
    ['linux/arm/v7', ['linux/arm/v5', 'linux/arm/v6', 'linux/arm/v7'], 'linux/arm/v7'],
    ['linux/arm', ['linux/arm/v5', 'linux/arm/v6'], 'linux/arm/v6'],
    ['linux/amd64/v3', ['linux/amd64', 'linux/amd64/v2', 'linux/amd64/v4'], 'linux/amd64/v2'],
    ['linux/amd64/v3', ['linux/amd64/v3', 'linux/amd64'], 'linux/amd64/v3'],
    ['linux/arm64/v8.2', ['linux/arm64', 'linux/arm64/v8.1'], 'linux/arm64/v8.1'],
  ])('chooses for %s from %j the manifest of %s', (wanted, names, chosen) => {
    const manifests = [attestation, ...names.map((name) => entry(name))];
    expect(choosePlatform({ manifests }, parsePlatform(wanted))).toEqual(entry(chosen));
  });

  test('takes the first when several are equal', () => {
    const second = entry('linux/amd64', { size: 2 });
    const manifests = [entry('linux/amd64'), second];
    expect(choosePlatform({ manifests }, parsePlatform('linux/amd64')).size).toBe(1);
  });

  test('takes the only entry without a platform when nothing matches', () => {
    const nested = bare(mediaTypes.oci.index);
    const manifests = [entry('linux/s390x'), attestation, nested];
    expect(choosePlatform({ manifests }, parsePlatform('linux/amd64'))).toBe(nested);
  });

  test.each([
    [
      'another architecture',
      [entry('linux/arm64'), entry('windows/amd64')],
      'found linux/arm64, windows/amd64, wanted',
    ],
    ['a higher variant', [entry('linux/amd64/v3')], 'found linux/amd64/v3, wanted linux/amd64'],
    ['an unknown variant', [entry('linux/amd64/sse')], 'found linux/amd64/sse, wanted'],
    ['attestations', [attestation], 'found no image with a platform, wanted linux/amd64'],
    [
      'two entries without a platform',
      [bare(mediaTypes.oci.index), bare(mediaTypes.oci.manifest)],
      'found no image',
    ],
    [
      'an artifact',
      [entry('linux/amd64', { artifactType: 'application/spdx+json' })],
      'found no image',
    ],
    ['no manifest', [entry('linux/amd64', { mediaType: 'text/plain' })], 'found no image'],
    ['nothing', [], 'found no image'],
    ['escape sequences', [entry('li\u001b[2Jnux/amd64')], 'found li?[2Jnux/amd64, wanted'],
  ])('says what there is when that is %s', (_what, manifests, message) => {
    expect(() => choosePlatform({ manifests }, parsePlatform('linux/amd64'))).toThrowError(
      expect.objectContaining({
        code: 'PLATFORM_NOT_FOUND',
        message: expect.stringContaining(message),
      }),
    );
  });
});

test.each([
  [['linux/arm64'], 'linux/amd64', /^publish it for linux\/amd64: docker buildx build --platform /],
  [['windows/amd64', 'linux/arm64'], 'linux/amd64/v2', /dotnet publish --os linux --arch x64/],
  [['linux/arm64', 'linux/amd64/v3'], 'linux/amd64', /^take linux\/amd64\/v3$/],
  [['linux/arm64/v8'], 'linux/amd64', /\nor, for other machines: take linux\/arm64\/v8$/],
  [['linux/arm/v7', 'linux/amd64'], 'linux/arm64', /--arch arm64 .*\nor.*: take linux\/amd64$/],
  [['linux/arm/v7'], 'linux/arm64', /^publish it for linux\/arm64: [^\n]*$/],
  [['linux/arm/v7', 'linux/arm64'], 'linux/s390x', /^take linux\/arm64$/],
])('hintFor says of %j to who wants %s what helps', (found, wanted, hint) => {
  expect(hintFor(found, parsePlatform(wanted), (one) => `take ${one}`)).toMatch(hint);
});

test('hintFor has nothing to say of an image without platforms', () => {
  expect(hintFor([], parsePlatform('linux/amd64'), String)).toBeUndefined();
});

test('platformMatches accepts a lower variant and no other architecture', () => {
  const wanted = parsePlatform('linux/amd64');
  expect(platformMatches({ os: 'linux', architecture: 'x86_64' }, wanted)).toBe(true);
  expect(platformMatches({ os: 'linux', architecture: 'arm64' }, wanted)).toBe(false);
  expect(platformMatches({ os: 'windows', architecture: 'amd64' }, wanted)).toBe(false);
  expect(platformMatches({ os: 'linux', architecture: 'amd64', variant: 'v2' }, wanted)).toBe(
    false,
  );
});
